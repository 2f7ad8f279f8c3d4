package typednats

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// cancelPrefix and an endpoint's subject make the subject on which clients say that they have given up a call. The
// body is the call's reply subject. Every instance hears it; the one that has the request ends its handler's context.
const cancelPrefix = "_TYPEDNATS.CANCEL."

// inspectInterval is how often a service looks after requests whose handlers take long.
const inspectInterval = time.Second

// probeStrikes is how many probes in a row must find nobody before a caller counts as gone: a client that reconnects
// still gets the reply, and it waits for two seconds ([nats.DefaultReconnectWait]) before each time it tries all its
// servers.
const probeStrikes = 5

// canceller receives the messages of clients that have given up a call of its endpoint.
type canceller struct{ e *servedEndpoint }

// admit implements [receiver].
func (c canceller) admit(m *nats.Msg) *request {
	if reply := string(m.Data); reply != "" { // "" would match the requests without a caller
		c.e.abandonCalls(func(r *request) bool { return r.msg.Reply == reply })
	}
	return nil
}

// run implements [receiver]; admit has done it all.
func (c canceller) run(*request) {}

// abandonCalls ends the contexts of the requests that match, those in the queue included.
func (e *servedEndpoint) abandonCalls(match func(*request) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for r := e.active; r != nil; r = r.nextActive {
		if match(r) {
			r.ctx.end(ErrCallerGone)
		}
	}
	for r := e.head; r != nil; r = r.next {
		if match(r) {
			r.ctx.end(ErrCallerGone)
		}
	}
}

// trackLocked enters a request that starts into the list that abandonCalls goes through. Only a request that a
// [Client] made can be recognised later.
func (e *servedEndpoint) trackLocked(r *request) {
	if !r.tracked {
		return
	}
	r.nextActive = e.active
	if e.active != nil {
		e.active.prevActive = r
	}
	e.active = r
}

func (e *servedEndpoint) untrackLocked(r *request) {
	if !r.tracked {
		return
	}
	if r.prevActive == nil {
		e.active = r.nextActive
	} else {
		r.prevActive.nextActive = r.nextActive
	}
	if r.nextActive != nil {
		r.nextActive.prevActive = r.prevActive
	}
	r.prevActive, r.nextActive = nil, nil
}

// prober finds out whether the callers of requests that take long are still there. It sends an empty message to a
// subject under the caller's inbox, which the caller ignores; where nobody subscribes to the inbox any more, the
// server says so (ADR-22, no responders).
type prober struct {
	svc *Service
	sub *nats.Subscription // made by the first probe

	mu      sync.Mutex
	closed  bool
	inbox   string            // of the server's answers, up to the last token
	asked   map[string]string // caller's inbox by the last token of the answer's subject
	strikes map[string]int    // by the caller's inbox
}

// inspect probes the callers of the requests that have been running for an interval or longer.
func (p *prober) inspect(endpoints []*servedEndpoint) error {
	now := p.svc.clock()
	callers := make(map[string]bool)
	for _, e := range endpoints {
		e.mu.Lock()
		for r := e.active; r != nil; r = r.nextActive {
			if now-r.started >= inspectInterval {
				callers[inboxOf(r.msg.Reply)] = true
			}
		}
		e.mu.Unlock()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	answered := p.asked
	p.asked = make(map[string]string, len(callers))
	for inbox := range p.strikes {
		if !callers[inbox] {
			delete(p.strikes, inbox)
		}
	}
	for _, inbox := range answered { // what is left was not answered by the server: somebody is there
		delete(p.strikes, inbox)
	}
	if len(callers) == 0 || !p.svc.nc.IsConnected() {
		return nil
	}
	if err := p.subscribeLocked(); err != nil {
		return err
	}
	for inbox := range callers {
		token := rand.Text() // each caller sees its own, and must not guess those of others
		p.asked[token] = inbox
		probe := &nats.Msg{Subject: replySubject(inbox, requestFacts{}, noCall), Reply: p.inbox + "." + token}
		if err := p.svc.nc.PublishMsg(probe); err != nil {
			return fmt.Errorf("probe caller: %w", err)
		}
	}
	return nil
}

func (p *prober) subscribeLocked() error {
	if p.sub != nil {
		return nil
	}
	p.inbox, p.strikes = p.svc.nc.NewInbox(), make(map[string]int)
	sub, err := p.svc.routes.add(func() (*nats.Subscription, error) {
		return p.svc.nc.ChanSubscribe(p.inbox+".*", p.svc.intake.messages)
	}, p)
	if err != nil {
		return fmt.Errorf("subscribe to answers about callers: %w", err)
	}
	p.sub = sub
	return nil
}

// admit implements [receiver]: the server says that nobody is there.
func (p *prober) admit(m *nats.Msg) *request {
	if checkReply(m) == nil {
		return nil
	}
	p.mu.Lock()
	token := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
	inbox, ok := p.asked[token]
	delete(p.asked, token)
	if ok {
		p.strikes[inbox]++
	}
	gone := ok && p.strikes[inbox] >= probeStrikes
	p.mu.Unlock()
	if gone {
		for _, e := range p.svc.inspected() {
			e.abandonCalls(func(r *request) bool { return r.tracked && inboxOf(r.msg.Reply) == inbox })
		}
	}
	return nil
}

// run implements [receiver]; admit has done it all.
func (p *prober) run(*request) {}

// close ends probing. Until the service has drained there are handlers whose callers may go away.
func (p *prober) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.sub != nil {
		_ = p.sub.Unsubscribe() // it fails on a closed connection only
		p.svc.routes.remove(p.sub)
	}
}

// inboxOf is a reply subject without its last token.
func inboxOf(reply string) string { return reply[:max(strings.LastIndexByte(reply, '.'), 0)] }
