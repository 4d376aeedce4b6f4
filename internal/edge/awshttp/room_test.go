package awshttp

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"
)

// TestRoom: large bodies wait for each other, and those whose turn does not come
// are refused; small ones pass.
func TestRoom(t *testing.T) { synctest.Test(t, room) }

func room(t *testing.T) {
	h := &Handler{options: Options{Patience: 30 * time.Second}, room: semaphore.NewWeighted(bodyRoom)}
	body := func(length int64) *exchange { return &exchange{h: h, r: &http.Request{ContentLength: length}} }
	first, second, small := body(bodyRoom-largeBody), body(-1), body(largeBody)
	if err := first.takeRoom(t.Context(), bodyRoom); err != nil {
		t.Fatal(err)
	}
	if err := second.takeRoom(t.Context(), 2*largeBody); !errors.Is(err, errCrowded) {
		t.Fatalf("a body of any length got %v", err)
	}
	second.leaveRoom() // of what it did not take
	if err := small.takeRoom(t.Context(), bodyRoom); err != nil {
		t.Fatal(err)
	}
	first.leaveRoom()
	if err := second.takeRoom(t.Context(), bodyRoom); err != nil {
		t.Fatal(err)
	}
}
