package server

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/typednats/typednats/internal/natsserver"
)

// Ready did not wait for somebody else who was about to find a refusal, and said that all is well.
func TestReadyWaitsForWhoeverLooks(t *testing.T) {
	t.Parallel()
	s := New(Host{Conn: runServer(t, natsserver.InProcess()).connect(t), Report: func(Report) {}})
	if err := s.Start(nil); err != nil {
		t.Fatal(err)
	}
	ready := func(d time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		return s.Ready(ctx)
	}
	s.looking <- struct{}{}
	if err := ready(20 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Ready while somebody looks = %v, want DeadlineExceeded", err)
	}
	<-s.looking
	if err := ready(time.Minute); err != nil {
		t.Errorf("Ready = %v", err)
	}
	s.looking <- struct{}{}
	answer := make(chan error, 1)
	go func() { answer <- ready(time.Minute) }()
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("Stop = %v", err)
	}
	if err := <-answer; !errors.Is(err, ErrStopped) {
		t.Errorf("Ready when the service is stopped = %v, want ErrStopped", err)
	}
}
