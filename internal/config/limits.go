package config

import (
	"fmt"

	"github.com/sealwright/sealwright/internal/throttle"
)

func (c Config) checkRates() error {
	_, err := c.RateLimits()
	return err
}

// RateLimits returns rate-limit as limits.
func (c Config) RateLimits() (limits []throttle.Limit, err error) {
	for _, text := range c.RateLimit {
		l, err := throttle.ParseLimit(text)
		if err != nil {
			return nil, fmt.Errorf("rate-limit: %w", err)
		}
		limits = append(limits, l)
	}
	return limits, nil
}
