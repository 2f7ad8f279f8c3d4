package main

import (
	"fmt"

	"github.com/typednats/typednats"
)

const (
	serviceName = "torture"

	// maxPayload is small, so that what is too large costs little.
	maxPayload = 128 << 10

	// The slow endpoint takes this much and sheds the rest.
	slowConcurrent = 4
	slowPending    = 16

	// codeEnded is what a handler answers whose context has ended.
	codeEnded = 408
)

// question is the request of every endpoint.
type question struct {
	Run   string `json:"run"` // tells calls of this run from garbage that happens to be valid
	ID    uint64 `json:"id"`
	Mode  mode   `json:"mode,omitempty"`
	NapMS int64  `json:"nap_ms,omitempty"`
	Pad   string `json:"pad,omitempty"`
}

// answer is the reply of every endpoint.
type answer struct {
	ID     uint64 `json:"id"`
	Poison any    `json:"poison,omitempty"`
	Pad    []byte `json:"pad,omitempty"`
}

// refusal is the declared error of the moody endpoint.
type refusal struct {
	ID uint64 `json:"id"`
}

// Error implements error.
func (r refusal) Error() string { return fmt.Sprintf("call %d is refused", r.ID) }

// ErrorCode is sent with the error.
func (refusal) ErrorCode() int { return 409 }

// mode is what the moody endpoint is asked to do.
type mode string

const (
	modeFine        mode = ""
	modePanic       mode = "panic"
	modeGoexit      mode = "goexit"
	modeUndeclared  mode = "undeclared"
	modeDeclared    mode = "declared"
	modeUnencodable mode = "unencodable"
	modeTooLarge    mode = "too large"
)

// Names of the endpoints.
const (
	plainEndpoint      = "plain"
	idempotentEndpoint = "idempotent"
	slowEndpoint       = "slow"
	moodyEndpoint      = "moody"
)

// contract is what callers and instances share.
type contract struct {
	plain, idempotent, slow typednats.Endpoint[question, answer, typednats.Never]
	moody                   typednats.Endpoint[question, answer, refusal]
}

func newContract() contract {
	group := typednats.NewGroup(serviceName)
	return contract{
		plain:      typednats.NewEndpoint[question, answer, typednats.Never](plainEndpoint).InGroup(group),
		idempotent: typednats.NewEndpoint[question, answer, typednats.Never](idempotentEndpoint).InGroup(group).Idempotent(),
		slow:       typednats.NewEndpoint[question, answer, typednats.Never](slowEndpoint).InGroup(group),
		moody:      typednats.NewEndpoint[question, answer, refusal](moodyEndpoint).InGroup(group),
	}
}

// bind gives a handler to the endpoint with the name.
func (c contract) bind(name string, h *handler) (typednats.BoundEndpoint, error) {
	switch name {
	case plainEndpoint:
		return c.plain.Handle(h.handle), nil
	case idempotentEndpoint:
		return c.idempotent.Handle(h.handle), nil
	case slowEndpoint:
		return c.slow.Handle(h.handle, typednats.WithMaxConcurrent(slowConcurrent),
			typednats.WithMaxPending(slowPending, 1<<20)), nil
	case moodyEndpoint:
		return c.moody.Handle(h.handle), nil
	default:
		return typednats.BoundEndpoint{}, fmt.Errorf("no endpoint is named %q", name)
	}
}

// endpointNames lists all endpoints of the contract.
func endpointNames() []string {
	return []string{plainEndpoint, idempotentEndpoint, slowEndpoint, moodyEndpoint}
}
