package typednats

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats/internal/subject"
)

// DefaultDrainTimeout is how long [Serve] waits for handlers in flight.
const DefaultDrainTimeout = 10 * time.Second

// Bounds of an endpoint that sets none of its own.
const (
	// DefaultMaxConcurrent is how many requests of one endpoint are handled at a time.
	DefaultMaxConcurrent = 256

	// DefaultMaxPendingMessages is how many requests of one endpoint wait for a handler.
	DefaultMaxPendingMessages = 4096

	// DefaultMaxPendingBytes is how many bytes the headers and bodies of the requests that wait may have together.
	DefaultMaxPendingBytes = 64 << 20
)

// semverRegexp is the regular expression that semver.org suggests and ADR-32 asks for.
var semverRegexp = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
	`(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?` +
	`(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$`)

// ServiceConfig describes a service. Name and Version are required; every other field may be left at its zero value.
type ServiceConfig struct {
	// Name is the kind of the service, shared by all its instances: letters, digits, dashes and underscores (ADR-32).
	// Empty means that of Contract.
	Name string

	// Version is a semantic version, such as "1.0.0" (ADR-32).
	Version string

	// Description is for people; $SRV.INFO shows it.
	Description string

	// Metadata is shown by $SRV.PING, INFO and STATS. It is copied and does not change.
	Metadata map[string]string

	// Contract is what the service must serve. [NewService] refuses a service that leaves an endpoint of it unbound, binds
	// one that is not in it, or has another name, and reports all of that at once. [Service.AddEndpoints] adds nothing
	// that is not in it, so only what [Service.RemoveEndpoint] has taken away. The zero value means that any endpoints may
	// be served.
	Contract ServiceContract

	// QueueGroup is the queue group of endpoints that neither set one nor are in a group that does. "" means "q".
	QueueGroup string

	// QueueGroupDisabled switches queue groups off for those endpoints: every instance gets every request.
	QueueGroupDisabled bool

	// DrainTimeout is how long [Serve], and a service whose connection drains, wait for handlers in flight. 0 means
	// [DefaultDrainTimeout].
	DrainTimeout time.Duration

	// StatsHandler returns what becomes the `data` of an endpoint's statistics, as JSON. It is called for each
	// endpoint whenever statistics are asked for, with the endpoint's name, or its subject if several endpoints
	// have the name. It must be safe for concurrent use. nil, and a nil result, means no data.
	StatsHandler func(endpoint string) any

	// LoadInStats puts each endpoint's [EndpointLoad] into the `data` of its statistics, so that it can be read from
	// outside. A StatsHandler has that place: both at a time are refused.
	LoadInStats bool

	// Logger gets what ErrorHandler gets, and is warned of other services on the same subjects. nil means [slog.Default].
	Logger *slog.Logger

	// ErrorHandler is told of what callers are not: errors that were not declared, panics, replies that could not be
	// sent, requests that nats.go dropped, subscriptions that the server refuses while the service runs, a connection that
	// had to be made anew, and what was abandoned when the connection drained. It is called on a goroutine of its own,
	// after the reply if it is about a request, and concurrently with itself. It may stop the service. While 1,024 reports
	// are being made, further ones are counted only, and the next line of the Logger has their number. nil means that
	// only the Logger is told.
	ErrorHandler func(ErrorReport)

	// OnStart is called with the service once it is started, before [NewService] returns: whoever uses [Serve] gets it here,
	// for [Service.Ready], [Service.Load] and the like. It must return: Serve waits for it. nil means that nobody is called.
	OnStart func(*Service)

	// DiscoveryDisabled switches $SRV off (ADR-32): nobody finds the service, and it needs no permission to subscribe
	// to $SRV.>.
	DiscoveryDisabled bool

	// ContractsDisabled keeps the contracts of the endpoints from being published: $SRV.INFO has no digests of them, nobody
	// can fetch the documents or check whether the service fits. DiscoveryDisabled does that, too.
	ContractsDisabled bool

	// ContractsAlways has the service hand out the documents although the server asks for a login. By default it does not do
	// that then: the user may not be allowed to subscribe to _TYPEDNATS.CONTRACT.<service>.>, and the server's refusal would
	// go to the connection's error handler. A service that sets it without the permission starts all the same, and
	// reports that.
	ContractsAlways bool

	// AskNeighbours says when the service asks $SRV.INFO, once it has started, to warn of other services that get its
	// requests: by default if the server asks for no login. It never does if DiscoveryDisabled.
	AskNeighbours Asking

	// Observers are told of all requests, in this order, and before those that [WithObserver] adds to an endpoint. The slice
	// is copied.
	Observers []Observer

	// Propagate names the headers of requests that go on to the calls that are made for them, beside those that
	// [Propagate] names for an endpoint. The slice is copied.
	Propagate []string

	// Guards decide, before anything else looks at a request, whether it may go on, in this order, and before those that
	// [WithGuards] adds to an endpoint. The slice is copied.
	Guards []Guard

	// Interceptors wrap the handlers of all endpoints, the first outermost, outside those that [WithInterceptors]
	// adds to an endpoint. The slice is copied.
	Interceptors []Interceptor

	// MaxConcurrent is how many requests of one endpoint are handled at a time, unless [WithMaxConcurrent] says
	// otherwise for the endpoint. 0 means [DefaultMaxConcurrent].
	MaxConcurrent int

	// MaxConcurrentTotal is how many requests of all endpoints together are handled at a time, beside the bound of each: for
	// what they share, such as a database's connections or the processors. Endpoints whose requests wait for that take
	// turns. A handler that calls an endpoint of its own service can wait for itself then. 0 means that there is no such bound.
	MaxConcurrentTotal int
}

// Asking says when a service asks for its neighbours.
type Asking int

// When a service asks.
const (
	// AskWithoutLogin is the default: with a login, the user may not be allowed to ask, and the server's refusal would go
	// to the connection's error handler.
	AskWithoutLogin Asking = iota

	// AskAlways needs a user that may publish to $SRV.INFO and subscribe to its inbox.
	AskAlways

	// AskNever sends nothing.
	AskNever
)

// check returns everything that is wrong with the configuration, joined.
func (c *ServiceConfig) check(nc *nats.Conn) error {
	var m mistakes
	if nc == nil {
		m.add("connection", "nil", errNil)
	}
	m.add("Name", c.Name, subject.CheckName(c.Name))
	if c.Contract.isSet() && c.Name != c.Contract.name {
		m.add("Name", c.Name, fmt.Errorf("the Contract is that of %q", c.Contract.name))
	}
	if !semverRegexp.MatchString(c.Version) {
		m.add("Version", c.Version, errors.New(`want a semantic version, such as "1.0.0"`))
	}
	if c.QueueGroup != "" {
		m.add("QueueGroup", c.QueueGroup, c.queuePolicy().check())
		if c.QueueGroupDisabled {
			m.add("QueueGroup", c.QueueGroup, errors.New("QueueGroupDisabled is set too"))
		}
	}
	if c.ContractsAlways && !c.publishes() {
		m.add("ContractsAlways", "true", errors.New("ContractsDisabled or DiscoveryDisabled is set too"))
	}
	if c.LoadInStats && c.StatsHandler != nil {
		m.add("LoadInStats", "true", errors.New("StatsHandler is set too"))
	}
	checkMetadata("Metadata key", c.Metadata, &m)
	checkObservers(c.Observers, &m)
	checkGuards(c.Guards, &m)
	checkPropagated("Propagate", c.Propagate, &m)
	checkInterceptors(c.Interceptors, &m)
	if c.AskNeighbours < AskWithoutLogin || c.AskNeighbours > AskNever {
		m.add("AskNeighbours", fmt.Sprint(int(c.AskNeighbours)), errors.New("want AskWithoutLogin, AskAlways or AskNever"))
	}
	if c.DrainTimeout < 0 {
		m.add("DrainTimeout", c.DrainTimeout.String(), errNegative)
	}
	if c.MaxConcurrent < 0 {
		m.add("MaxConcurrent", fmt.Sprint(c.MaxConcurrent), errNegative)
	}
	if c.MaxConcurrentTotal < 0 {
		m.add("MaxConcurrentTotal", fmt.Sprint(c.MaxConcurrentTotal), errNegative)
	}
	return m.join(fmt.Errorf("%w of service %q", ErrInvalidConfig, c.Name))
}

// publishes reports whether the contracts of the endpoints are published.
func (c *ServiceConfig) publishes() bool { return !c.DiscoveryDisabled && !c.ContractsDisabled }

// handsOut reports whether a service on nc answers questions for the documents.
func (c *ServiceConfig) handsOut(nc *nats.Conn) bool {
	return c.publishes() && (c.ContractsAlways || !nc.AuthRequired())
}

func (c *ServiceConfig) drainTimeout() time.Duration {
	return cmp.Or(c.DrainTimeout, DefaultDrainTimeout)
}

// queuePolicy is the service's say about the queue groups of its endpoints.
func (c *ServiceConfig) queuePolicy() queuePolicy {
	switch {
	case c.QueueGroupDisabled:
		return queuePolicy{kind: queueDisabled}
	case c.QueueGroup != "":
		return queuePolicy{kind: queueNamed, name: c.QueueGroup}
	default:
		return queuePolicy{} // the default of ADR-32
	}
}
