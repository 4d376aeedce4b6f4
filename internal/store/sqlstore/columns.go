package sqlstore

import (
	"encoding/json"
	"fmt"
	"time"
)

// micros is how a time is stored: microseconds since 1970 in UTC, 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// timeColumn scans what micros stored.
type timeColumn struct{ to *time.Time }

// Scan implements [sql.Scanner].
func (c timeColumn) Scan(src any) error {
	us, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a time column holds %T", src)
	}
	*c.to = time.Time{}
	if us != 0 {
		*c.to = time.UnixMicro(us).UTC()
	}
	return nil
}

// jsonText is how a map or a list is stored: JSON, "" when it has no elements.
func jsonText[T ~map[string]string | ~[]string](v T) string {
	if len(v) == 0 {
		return ""
	}
	text, _ := json.Marshal(v) // maps and lists of strings: cannot fail
	return string(text)
}

// jsonColumn scans what jsonText stored; "" becomes nil.
type jsonColumn[T any] struct{ to *T }

// Scan implements [sql.Scanner].
func (c jsonColumn[T]) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("a JSON column holds %T", src)
	}
	var v T
	if text != "" {
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return fmt.Errorf("a JSON column holds %.40q: %w", text, err)
		}
	}
	*c.to = v
	return nil
}
