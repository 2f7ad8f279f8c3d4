package typednats

import (
	"errors"
	"fmt"
	"slices"

	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/internal/server"
	"github.com/typednats/typednats/internal/subject"
)

// Descriptor is an [Endpoint] without its type parameters: what documents, fakes and checks start from. Every Endpoint is
// one, and nothing else is.
type Descriptor interface {
	// Name returns the endpoint's name.
	Name() string

	// Subject returns the effective subject; see [Endpoint.Subject].
	Subject() string

	// Validate returns every mistake in the descriptor, joined, or nil.
	Validate() error

	// Contract returns the endpoint as a document; see [Endpoint.Contract].
	Contract() (contract.Document, error)

	descriptor() *descriptor // unexported: services know what they bind, so that nobody else can make one
}

// ServiceContract lists the endpoints that a service must serve. It is a value that stands beside them, in the package
// that both sides import. The zero value is none.
//
// An endpoint that is served under two names or subjects, such as the old one and the new one while clients move, is in it
// twice: both are descriptors, and one handler can be bound to both.
type ServiceContract struct {
	name      string
	endpoints []Descriptor
}

// NewServiceContract returns the contract of the service with that name. Mistakes are reported by
// [ServiceContract.Validate] and [NewService].
func NewServiceContract(name string, endpoints ...Descriptor) ServiceContract {
	return ServiceContract{name: name, endpoints: slices.Clone(endpoints)}
}

// Name returns the name of the service.
func (c ServiceContract) Name() string { return c.name }

// Endpoints returns the endpoints in the order in which they were given. The slice belongs to the caller.
func (c ServiceContract) Endpoints() []Descriptor { return slices.Clone(c.endpoints) }

// Validate returns everything that is wrong with the contract, joined, or nil: the name, the mistakes of each endpoint,
// endpoints that would get each other's requests, and types that cannot be described. Those about the contract are an
// [ErrInvalidConfig], those about an endpoint an [ErrInvalidEndpoint].
func (c ServiceContract) Validate() error {
	errs := []error{c.check()}
	for _, d := range c.endpoints {
		if !isNil(d) && d.Validate() == nil {
			_, err := d.Contract()
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// isSet reports whether there is a contract.
func (c ServiceContract) isSet() bool { return c.name != "" || len(c.endpoints) > 0 }

// check is Validate without the documents, which take their time.
func (c ServiceContract) check() error {
	var m mistakes
	m.add("name", c.name, subject.CheckName(c.name))
	var errs []error
	var sound []server.Endpoint
	for i, d := range c.endpoints {
		if isNil(d) {
			m.add("endpoint", fmt.Sprint(i+1), errNil)
			continue
		}
		compiled, err := d.descriptor().compile()
		switch {
		case err != nil:
			errs = append(errs, err)
		case compiled.isForClients:
			m.add("endpoint", compiled.name, errAtIsForClients)
		default:
			sound = append(sound, server.Endpoint{
				Name: compiled.name, Subject: compiled.subject, QueueGroup: compiled.queue.queueGroup(),
			})
		}
	}
	return errors.Join(m.join(c.invalid()), errors.Join(errs...), server.Conflicts(nil, sound))
}

func (c ServiceContract) invalid() error {
	return fmt.Errorf("%w of service %q: Contract", ErrInvalidConfig, c.name)
}

// place is where an endpoint of a contract is served.
type place struct{ name, subject string }

// checkBound returns what differs between a contract and what is bound: all that is to be served or, for endpoints that are
// added later, a part of it.
func (c ServiceContract) checkBound(bound []BoundEndpoint, isAll bool) error {
	if !c.isSet() {
		return nil
	}
	var m mistakes
	wanted := make(map[place]*descriptor, len(c.endpoints))
	left := make([]place, 0, len(c.endpoints)) // in their order
	for i, d := range c.endpoints {
		if isNil(d) {
			m.add("endpoint", fmt.Sprint(i+1), errNil)
			continue
		}
		at := d.descriptor().place()
		wanted[at] = d.descriptor()
		left = append(left, at)
	}
	isBound := make(map[place]bool, len(bound))
	for _, b := range bound {
		at := place{b.name, b.subject}
		isBound[at] = true
		switch d, ok := wanted[at]; {
		case !ok:
			m.add("endpoint", b.name, fmt.Errorf("it is bound on %q, and the contract does not have it there", b.subject))
		case !isSame(d, b.descriptor):
			m.add("endpoint", b.name, errors.New("what is bound is not what the contract has; bind the same descriptor"))
		}
	}
	var unsound []error
	for _, at := range left {
		if !isAll || isBound[at] {
			continue
		}
		m.add("endpoint", at.name, fmt.Errorf("no handler is bound to it, on %q", at.subject))
		_, err := wanted[at].compile() // those that are bound are checked as such
		unsound = append(unsound, err)
	}
	return errors.Join(m.join(c.invalid()), errors.Join(unsound...))
}

// place returns where a descriptor is to be served.
func (d *descriptor) place() place {
	s := d.specification()
	return place{s.name, s.pattern()}
}

// isSame reports whether a bound descriptor says what that of the contract does. A sound copy has the same document; what
// is not sound is reported elsewhere.
func isSame(wanted, bound *descriptor) bool {
	if wanted == bound {
		return true
	}
	if wanted == nil || bound == nil {
		return false
	}
	if wanted.in != bound.in || wanted.out != bound.out || wanted.errType != bound.errType {
		return false
	}
	a, b := wanted.publish(), bound.publish()
	return a.err != nil || b.err != nil || a.digest == b.digest
}
