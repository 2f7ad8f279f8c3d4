package main

import (
	"fmt"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
)

const (
	serviceName = "torture"

	// maxPayload is small, so that what is too large costs little.
	maxPayload = 128 << 10

	// The slow endpoint takes this much and sheds the rest.
	slowConcurrent = 4
	slowPending    = 16

	// The flooded endpoint takes this much, which is little beside a flood.
	floodedConcurrent = 4
	floodedPending    = 64

	// The heavy endpoint has room for a few requests of the largest size only.
	heavyConcurrent = 2
	heavyBytes      = 1 << 20

	// The measured endpoint runs this many handlers at a time.
	measuredConcurrent = 16
)

// question is the request of every endpoint but one.
type question struct {
	Run    string `json:"run"` // tells calls of this run from garbage that happens to be valid
	ID     uint64 `json:"id"`
	WaitMS int64  `json:"wait_ms,omitempty"` // how long the caller waits, rounded up
	Mode   mode   `json:"mode,omitempty"`
	NapMS  int64  `json:"nap_ms,omitempty"`
	Hold   bool   `json:"hold,omitempty"` // the handler waits at the gate
	Pad    string `json:"pad,omitempty"`
	Next   next   `json:"next,omitempty"` // for the hop
	For    uint64 `json:"for,omitempty"`  // the call that this one is made for by a hop
}

// answer is the reply of every endpoint but one.
type answer struct {
	ID     uint64 `json:"id"`
	Poison any    `json:"poison,omitempty"`
	Pad    []byte `json:"pad,omitempty"`
}

// mishap is a declared error of the moody endpoint.
type mishap interface {
	error
	mishap()
}

// refusal is a mishap that the hop declares, too.
type refusal struct {
	ID  uint64 `json:"id"`
	For uint64 `json:"for"`
}

// Error implements error.
func (r refusal) Error() string { return fmt.Sprintf("call %d is refused", r.ID) }

// ErrorCode is sent with the error.
func (refusal) ErrorCode() int { return 409 }

func (refusal) mishap() {}

// grudge is a mishap that the hop does not declare, as if its owner had never heard of it.
type grudge struct {
	ID uint64 `json:"id"`
}

// Error implements error.
func (g grudge) Error() string { return fmt.Sprintf("call %d: %s", g.ID, secret) }

func (grudge) mishap() {}

// secret is in what a hop's caller must not see.
const secret = "between these two alone"

// codeOwn is a code that a handler answers with by itself.
const codeOwn = 418

// mode is what the moody endpoint is asked to do.
type mode string

const (
	modeFine        mode = ""
	modePanic       mode = "panic"
	modeGoexit      mode = "goexit"
	modeUndeclared  mode = "undeclared"
	modeDeclared    mode = "declared"
	modeGrudge      mode = "grudge"
	modeOwnCode     mode = "own code"
	modeUnencodable mode = "unencodable"
	modeTooLarge    mode = "too large"
)

// Names of the endpoints.
const (
	plainEndpoint      = "plain"
	idempotentEndpoint = "idempotent"
	slowEndpoint       = "slow"
	moodyEndpoint      = "moody"
	hopEndpoint        = "hop"
	numberEndpoint     = "number"
	floodedEndpoint    = "flooded"
	heavyEndpoint      = "heavy"
	crowdedEndpoint    = "crowded"
	measuredEndpoint   = "measured" // of an instance of its own
)

// contract is what callers and instances share.
type contract struct {
	plain, idempotent, slow typednats.Endpoint[question, answer, typednats.Never]

	moody typednats.Endpoint[question, answer, mishap]

	// hop calls one of the others.
	hop typednats.Endpoint[question, answer, mishap]

	// number doubles a number. What msgpack makes of some of them is JSON for another one.
	number typednats.Endpoint[int, int, typednats.Never]

	// flooded gets floods, and no calls that count.
	flooded typednats.Endpoint[question, answer, typednats.Never]

	// heavy gets large headers, and crowded many calls at once.
	heavy, crowded typednats.Endpoint[question, answer, typednats.Never]

	// measured is offered more calls than it can serve.
	measured typednats.Endpoint[question, answer, typednats.Never]
}

func newContract() contract {
	group := typednats.NewGroup(serviceName)
	return contract{
		plain:      typednats.NewEndpoint[question, answer, typednats.Never](plainEndpoint).InGroup(group),
		idempotent: typednats.NewEndpoint[question, answer, typednats.Never](idempotentEndpoint).InGroup(group).Idempotent(),
		slow:       typednats.NewEndpoint[question, answer, typednats.Never](slowEndpoint).InGroup(group),
		moody: typednats.NewEndpoint[question, answer, mishap](moodyEndpoint).InGroup(group).
			FailsWith(refusal{}, grudge{}),
		hop: typednats.NewEndpoint[question, answer, mishap](hopEndpoint).InGroup(group).FailsWith(refusal{}),
		number: typednats.NewEndpoint[int, int, typednats.Never](numberEndpoint).InGroup(group).
			WithCodec(msgpack.Codec, json.Codec),
		flooded:  typednats.NewEndpoint[question, answer, typednats.Never](floodedEndpoint).InGroup(group),
		heavy:    typednats.NewEndpoint[question, answer, typednats.Never](heavyEndpoint).InGroup(group),
		crowded:  typednats.NewEndpoint[question, answer, typednats.Never](crowdedEndpoint).InGroup(group),
		measured: typednats.NewEndpoint[question, answer, typednats.Never](measuredEndpoint).InGroup(group),
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
	case hopEndpoint:
		return c.hop.Handle(h.hop), nil
	case numberEndpoint:
		return c.number.HandleWith(h.double), nil
	case floodedEndpoint:
		return c.flooded.Handle(h.handle, typednats.WithMaxConcurrent(floodedConcurrent),
			typednats.WithMaxPending(floodedPending, 1<<20)), nil
	case heavyEndpoint:
		return c.heavy.Handle(h.handle, typednats.WithMaxConcurrent(heavyConcurrent),
			typednats.WithMaxPending(typednats.DefaultMaxPendingMessages, heavyBytes)), nil
	case crowdedEndpoint:
		return c.crowded.Handle(h.handle), nil
	case measuredEndpoint:
		return c.measured.Handle(h.handle, typednats.WithMaxConcurrent(measuredConcurrent)), nil
	default:
		return typednats.BoundEndpoint{}, fmt.Errorf("no endpoint is named %q", name)
	}
}

// endpointNames lists the endpoints of every instance of the fleet.
func endpointNames() []string {
	return []string{
		plainEndpoint, idempotentEndpoint, slowEndpoint, moodyEndpoint, hopEndpoint, numberEndpoint, floodedEndpoint,
		heavyEndpoint, crowdedEndpoint,
	}
}

// subject is where an endpoint is called.
func (contract) subject(name string) string { return serviceName + "." + name }
