package explorer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/discovery"
)

// infoEvery is how often everybody is asked who they are. Whoever is new is noticed by what they have counted.
const infoEvery = 30 * time.Second

// asker asks everybody who is there; a [discovery.Client] does.
type asker interface {
	InfoSeq(ctx context.Context, name string) iter.Seq2[micro.Info, error]
	StatsSeq(ctx context.Context, name string) iter.Seq2[micro.Stats, error]
}

// poller asks in one goroutine for all viewers. The goroutine runs while there is a viewer: the first one starts it, and
// the last one waits for its end. What is known stays, so that a page that is loaded again has its plots.
type poller struct {
	ask     asker
	link    func() nats.Status
	refresh chan struct{} // holds a token if everybody is to be asked who they are

	dropped int   // answers to the question that is being asked, of the goroutine alone
	drop    error // the last of them

	mu       sync.Mutex
	fleet    *fleet
	status   status
	wrong    map[micro.Verb][]string // what was wrong with the last answers to a question
	viewers  map[*viewer]struct{}
	isClosed bool
	stop     context.CancelFunc // of the goroutine
	ended    chan struct{}      // closed when it has ended; nil before the first

	version   int    // of what is known
	services  []byte // as the page gets them
	isChanged bool   // this version has other services than the one before
	from      int64  // the first sample that this version changes
	whole     []byte // the frame of this version for a viewer who has nothing; nil until it is needed
	step      []byte // the one for a viewer who has the version before
}

// viewer is one page that is open.
type viewer struct {
	news chan struct{} // holds a token if there is something newer than what the viewer has
	seen int           // the version that it has; 0 for none
}

func newPoller(ask asker, link func() nats.Status, s settings) *poller {
	return &poller{
		ask: ask, link: link, refresh: make(chan struct{}, 1),
		fleet:  newFleet(s),
		status: status{Link: "up", Every: statsEvery.Milliseconds(), Window: samples, Calls: s.calls, Problems: []string{}},
		wrong:  make(map[micro.Verb][]string), viewers: make(map[*viewer]struct{}),
		version: 1, services: []byte("[]"),
	}
}

// watch adds a viewer. It returns nil if the poller is closed.
func (p *poller) watch() *viewer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isClosed {
		return nil
	}
	v := &viewer{news: make(chan struct{}, 1)}
	v.news <- struct{}{}
	p.viewers[v] = struct{}{}
	if len(p.viewers) == 1 {
		ctx, cancel := context.WithCancel(context.Background())
		before := p.ended
		p.freshen()
		p.stop, p.ended = cancel, make(chan struct{})
		go p.run(ctx, before, p.ended)
	}
	return v
}

// freshen forgets what is so old that it would mislead. The lock is held.
func (p *poller) freshen() {
	if !p.status.Asked || time.Since(p.status.At) <= infoEvery {
		return
	}
	number := p.fleet.number // what a page has kept means nothing else now
	p.fleet = newFleet(p.fleet.settings)
	p.fleet.number = number
	clear(p.wrong)
	p.status.Asked = false
	p.publish()
}

// leave takes a viewer away. When it returns, no goroutine is left unless there is another viewer.
func (p *poller) leave(v *viewer) {
	p.mu.Lock()
	delete(p.viewers, v)
	if len(p.viewers) > 0 {
		p.mu.Unlock()
		return
	}
	p.stop()
	ended := p.ended
	p.mu.Unlock()
	<-ended
}

// close lets no viewer in any more.
func (p *poller) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isClosed = true
}

// run asks until ctx ends. The goroutine before it may still be on its way to its end.
func (p *poller) run(ctx context.Context, before <-chan struct{}, ended chan<- struct{}) {
	defer close(ended)
	if before != nil {
		<-before
	}
	tick := time.NewTicker(statsEvery)
	defer tick.Stop()
	var informed time.Time
	isDue, counts := true, true
	for ctx.Err() == nil {
		if !p.look() {
			informed = time.Time{}
		} else {
			if isDue {
				informed = time.Now()
				p.askInfo(ctx)
			}
			if counts && p.askStats(ctx) {
				p.askInfo(ctx)
			}
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
			isDue, counts = time.Since(informed) >= infoEvery, true
		case <-p.refresh:
			isDue, counts = true, false
		}
	}
}

// look reports whether the connection is up. Nothing is asked while it is not: it would be sent when the connection is
// back.
func (p *poller) look() bool {
	link := "down"
	switch p.link() {
	case nats.CONNECTED, nats.DRAINING_SUBS, nats.DRAINING_PUBS:
		link = "up"
	case nats.CLOSED:
		link = "closed"
	case nats.DISCONNECTED, nats.RECONNECTING, nats.CONNECTING:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status.Link != link {
		p.status.Link = link
		p.publish()
	}
	return link == "up"
}

func (p *poller) askInfo(ctx context.Context) {
	now := time.Now()
	infos, err := collect(p, p.ask.InfoSeq(ctx, ""))
	if ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fleet.inform(now, infos, err == nil)
	p.answered(micro.InfoVerb, err)
}

func (p *poller) askStats(ctx context.Context) (isNew bool) {
	now := time.Now()
	all, err := collect(p, p.ask.StatsSeq(ctx, ""))
	if ctx.Err() != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	isNew = p.fleet.count(now, all, err == nil)
	p.answered(micro.StatsVerb, err)
	return isNew
}

// collect returns the answers up to an error, and that error.
func collect[A any](p *poller, answers iter.Seq2[A, error]) (all []A, failed error) {
	p.dropped, p.drop = 0, nil
	for answer, err := range answers {
		if err != nil {
			return all, err
		}
		all = append(all, answer)
	}
	return all, nil
}

// tell counts an answer that is not a good one. It is called in the goroutine that asks.
func (p *poller) tell(_ string, err error) {
	if !errors.Is(err, discovery.ErrDuplicate) { // a service that is imported twice answers twice
		p.dropped++
		p.drop = err
	}
}

// answered says what is wrong with the answers to a question, and publishes what they have changed.
func (p *poller) answered(question micro.Verb, err error) {
	var wrong []string
	if err != nil {
		wrong = append(wrong, describe(err))
	}
	if p.dropped > 0 {
		wrong = append(wrong, fmt.Sprintf("%d answers to %s cannot be read, or not all of them: %s", p.dropped, question,
			clip(p.drop.Error(), maxWords)))
	}
	if over := p.fleet.unlisted; over.instances > 0 {
		wrong = append(wrong, fmt.Sprintf("there is no room for %d instances", over.instances))
	} else if over.endpoints > 0 {
		wrong = append(wrong, fmt.Sprintf("there are more than the %d endpoints that are shown", p.fleet.settings.maxEndpoints))
	}
	p.wrong[question] = wrong
	p.status.Asked = true
	p.publish()
}

// describe says what an error means for what is shown.
func describe(err error) string {
	switch {
	case errors.Is(err, discovery.ErrIncomplete):
		return "more has come than can be read in time, and not everybody is shown"
	case errors.Is(err, nats.ErrPermissionViolation):
		return "the user of this connection may not ask who is there: " + clip(err.Error(), maxWords)
	default:
		return clip(err.Error(), maxWords)
	}
}
