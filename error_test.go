package typednats_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

func TestTextOfErrors(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"service error 403: not you":               typednats.Errorf(403, "not %s", "you"),
		"service error 404 (Gone): gone":           &typednats.ServiceError{Code: 404, Type: "Gone", Description: "gone"},
		"service error 500: look up: no item bolt": typednats.Errorf(500, "look up: %w", noItem{"bolt"}),
		`call "stock" at "a.stock": service error 403: no`: &typednats.CallError{
			Endpoint: "stock", Subject: "a.stock", Err: typednats.Errorf(403, "no"),
		},
		`call "a.stock": nats: timeout`: &typednats.CallError{Subject: "a.stock", Err: nats.ErrTimeout},
	} {
		if got := err.Error(); got != want {
			t.Errorf("Error() = %q, want %q", got, want)
		}
	}
}
