package explorer

import (
	"time"

	"github.com/nats-io/nats.go/micro"
)

// What is kept of what comes, since anybody can answer. Texts are in bytes.
const (
	maxShort    = 64 // versions, digests, keys and values of metadata
	maxName     = 256
	maxWords    = 1024
	maxMetadata = 16 // keys
	maxTracked  = 20_000
	maxOffers   = 200_000
)

// fleet is who is there, and what they do. Whoever uses it holds the lock of its poller.
type fleet struct {
	settings settings
	services map[string]*service
	byNumber map[int]*endpoint
	number   int // the last one that was given to a service or an endpoint

	endpoints, instances, offers int // how many there are
	unlisted                     overflow

	sample    int64 // the number of the newest one
	sampledAt time.Time
	changed   int64 // the oldest sample that is not as it was before the last question
}

// overflow is what there was no room for in the answers to one question.
type overflow struct{ instances, endpoints int }

// service is all instances of one name.
type service struct {
	number    int
	name      string
	instances map[string]*instance
	endpoints map[endpointKey]*endpoint
	seen      time.Time
}

// endpoint is one endpoint of a service, whoever serves it. A service may have several of one name.
type endpoint struct {
	endpointKey

	number  int
	service *service
	ring    ring
	seen    time.Time
}

type endpointKey struct{ name, subject string }

// instance is one process, or what it says of itself.
type instance struct {
	id, version, description string
	metadata                 map[string]string
	started                  time.Time
	offers                   map[*endpoint]*offer

	isInformed, isCounted bool // it has answered INFO, and STATS
	missed                int  // how many questions in a row it has not answered
	sample                int64
	readAt                time.Time
}

// offer is an endpoint as one instance has it.
type offer struct {
	queueGroup, digest, accepts string

	inInfo, inStats bool // the instance's last answer to each has it
	isCounted       bool
	reading         reading
	rates           rates
}

func newFleet(s settings) *fleet {
	return &fleet{settings: s, services: make(map[string]*service), byNumber: make(map[int]*endpoint)}
}

// serviceOf returns the service of a name, which is nil if there is no room for it.
func (f *fleet) serviceOf(now time.Time, name string) *service {
	name = clip(name, maxName)
	s := f.services[name]
	if s == nil {
		// A service without endpoints takes room as well.
		if len(f.services) >= f.settings.maxEndpoints {
			return nil
		}
		f.number++
		s = &service{
			number: f.number, name: name,
			instances: make(map[string]*instance), endpoints: make(map[endpointKey]*endpoint),
		}
		f.services[name] = s
	}
	s.seen = now
	return s
}

// instanceOf returns the instance that answers, and its service. It is nil if there is no room.
func (f *fleet) instanceOf(now time.Time, who micro.ServiceIdentity) (*service, *instance) {
	s := f.serviceOf(now, who.Name)
	if s == nil {
		f.unlisted.instances++
		return nil, nil
	}
	id := clip(who.ID, maxName)
	in := s.instances[id]
	if in == nil {
		if f.instances >= maxTracked {
			f.unlisted.instances++
			return nil, nil
		}
		f.instances++
		in = &instance{id: id, offers: make(map[*endpoint]*offer)}
		s.instances[id] = in
	}
	in.missed, in.version = 0, clip(who.Version, maxShort)
	return s, in
}

// offerOf returns an endpoint as an instance has it. It is nil if there is no room.
func (f *fleet) offerOf(now time.Time, s *service, in *instance, name, subject string) (*endpoint, *offer) {
	key := endpointKey{clip(name, maxName), clip(subject, maxWords)}
	e := s.endpoints[key]
	if e == nil {
		if f.endpoints >= f.settings.maxEndpoints {
			f.unlisted.endpoints++
			return nil, nil
		}
		f.endpoints++
		f.number++
		e = &endpoint{endpointKey: key, number: f.number, service: s}
		s.endpoints[key] = e
		f.byNumber[e.number] = e
	}
	e.seen = now
	o := in.offers[e]
	if o == nil {
		if f.offers >= maxOffers {
			f.unlisted.endpoints++
			return nil, nil
		}
		f.offers++
		o = &offer{}
		in.offers[e] = o
	}
	return e, o
}

// forget takes away who has gone, and after the time of a plot what they have left. isWhole says that all have answered
// who are there.
func (f *fleet) forget(now time.Time, isWhole bool, isMissing func(*instance) bool, patience int) {
	for name, s := range f.services {
		for id, in := range s.instances {
			if !isWhole || !isMissing(in) {
				continue
			}
			if in.missed++; in.missed >= patience {
				f.offers -= len(in.offers)
				f.instances--
				delete(s.instances, id)
			}
		}
		for key, e := range s.endpoints {
			if now.Sub(e.seen) > window && !s.isServed(e) {
				f.endpoints--
				delete(f.byNumber, e.number)
				delete(s.endpoints, key)
			}
		}
		if now.Sub(s.seen) > window && len(s.instances) == 0 && len(s.endpoints) == 0 {
			delete(f.services, name)
		}
	}
}

func (s *service) isServed(e *endpoint) bool {
	for _, in := range s.instances {
		if in.offers[e] != nil {
			return true
		}
	}
	return false
}

// numbered returns the service with a number.
func (f *fleet) numbered(number int) *service {
	for _, s := range f.services {
		if s.number == number {
			return s
		}
	}
	return nil
}
