package typednats

import (
	"github.com/typednats/typednats/internal/wire"
)

// What [ServiceError.Refused] and [RefusedHeader] say. Each proves that the handler was not run.
const (
	// RefusedOverload means that the handlers were busy, and that the queue was full or the request would have waited in it
	// for more than half of its caller's time: code 503.
	RefusedOverload = string(wire.RefusedOverload)

	// RefusedStopping means that the service was stopping and the request had not started: code 503.
	RefusedStopping = string(wire.RefusedStopping)

	// RefusedExpired means that the time for the request was over before it started: code 504.
	RefusedExpired = string(wire.RefusedExpired)

	// RefusedAbandoned means that the caller gave up before the request started: code 499.
	RefusedAbandoned = string(wire.RefusedAbandoned)

	// RefusedCodec means that the endpoint does not accept the request's codec: code 415.
	RefusedCodec = string(wire.RefusedCodec)

	// RefusedDecode means that the request cannot be decoded: code 400.
	RefusedDecode = string(wire.RefusedDecode)

	// RefusedGuard means that a [Guard] of the service did not let the request pass, with whatever code it said.
	RefusedGuard = string(wire.RefusedGuard)

	// RefusedInvalid means that [Validation] found the request invalid: code 400.
	RefusedInvalid = string(wire.RefusedInvalid)
)
