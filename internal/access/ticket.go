package access

import (
	"context"
	"encoding/json"
	"time"
)

// TicketLifetime is how long a ticket is good for, as ECR's URLs of layers are.
//
// Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetDownloadUrlForLayer.html
const TicketLifetime = time.Hour

// A ticket stands in a URL for a registry token: it opens one thing, and not for
// long. It is this, as JSON, sealed under the wrapping key, in base64. Whoever
// uses it is who the token says, so it ends with the token, its key or session,
// and with the permission.
type ticket struct {
	Token   string `json:"t"`
	For     string `json:"f"`
	Expires int64  `json:"e"` // Unix seconds
}

const (
	ticketName      = "registry-ticket"
	maxTicketLength = 32 << 10
)

// IssueTicket makes a ticket for a principal that has authenticated with the
// access key. what says what it opens. Errors are as IssueToken's.
func (s *Service) IssueTicket(ctx context.Context, p Principal, accessKeyID, what string) (string, error) {
	token, _, err := s.IssueToken(ctx, p, accessKeyID)
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(ticket{token, what, s.now().Add(TicketLifetime).Unix()})
	if err != nil {
		return "", err
	}
	return tokenEncoding.EncodeToString(s.sealer.Seal(ticketName, plain)), nil
}

// OpenTicket returns the registry token of a ticket, which VerifyToken still has
// to find good, and what the ticket is for. ErrTokenInvalid, ErrTokenExpired.
func (s *Service) OpenTicket(text string) (token, what string, err error) {
	var t ticket
	if len(text) > maxTicketLength {
		return "", "", ErrTokenInvalid
	}
	sealed, err := tokenEncoding.DecodeString(text)
	if err != nil {
		return "", "", ErrTokenInvalid
	}
	plain, err := s.sealer.Open(ticketName, sealed)
	if err != nil || json.Unmarshal(plain, &t) != nil {
		return "", "", ErrTokenInvalid
	}
	if s.now().Unix() >= t.Expires {
		return "", "", ErrTokenExpired
	}
	return t.Token, t.For, nil
}
