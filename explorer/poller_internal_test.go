package explorer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/internal/wire"
)

// world is who is there, without a server.
type world struct {
	mu     sync.Mutex
	procs  map[string]*proc // by id
	link   nats.Status
	failed error // of all questions, after all answers
	takes  time.Duration
	ends   time.Duration // how long a question still takes when its context has ended
	infos  int           // questions that were asked
	stats  int
	asking int // questions that are being asked
	most   int
}

// proc is one process of a service with one endpoint.
type proc struct {
	service, id, version, digest string
	started                      time.Time
	requests, errors             int
	busy                         time.Duration
	isSilent                     bool
	more                         int // requests of a second endpoint; 0: there is none
}

func newWorld(procs ...*proc) *world {
	w := &world{procs: make(map[string]*proc), link: nats.CONNECTED}
	for _, p := range procs {
		w.procs[p.id] = p
	}
	return w
}

// change changes the world between two questions.
func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) status() nats.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.link
}

// asked says what has been asked.
func (w *world) asked() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprintf("%d INFO, %d STATS", w.infos, w.stats)
}

// answers returns what all who are there answer.
func answers[A any](ctx context.Context, w *world, asked *int, answer func(*proc) A) iter.Seq2[A, error] {
	return func(yield func(A, error) bool) {
		w.change(func() {
			*asked++
			w.asking++
			w.most = max(w.most, w.asking)
		})
		defer w.change(func() { w.asking-- })
		var none A
		select {
		case <-time.After(w.takes):
		case <-ctx.Done():
			after(w.ends)
			yield(none, ctx.Err())
			return
		}
		var all []A
		var failed error
		w.change(func() {
			failed = w.failed
			for _, p := range w.procs {
				if !p.isSilent {
					all = append(all, answer(p))
				}
			}
		})
		for _, a := range all {
			if !yield(a, nil) {
				return
			}
		}
		if failed != nil {
			yield(none, failed)
		}
	}
}

func (p *proc) identity() micro.ServiceIdentity {
	return micro.ServiceIdentity{Name: p.service, ID: p.id, Version: p.version}
}

func (w *world) InfoSeq(ctx context.Context, _ string) iter.Seq2[micro.Info, error] {
	return answers(ctx, w, &w.infos, func(p *proc) micro.Info {
		return micro.Info{
			ServiceIdentity: p.identity(), Description: "says " + p.version,
			Endpoints: []micro.EndpointInfo{{
				Name: "do", Subject: p.service + ".do", QueueGroup: "q",
				Metadata: map[string]string{wire.ContractKey: p.digest},
			}},
		}
	})
}

func (w *world) StatsSeq(ctx context.Context, _ string) iter.Seq2[micro.Stats, error] {
	return answers(ctx, w, &w.stats, func(p *proc) micro.Stats {
		stats := micro.Stats{
			ServiceIdentity: p.identity(), Started: p.started,
			Endpoints: []*micro.EndpointStats{{
				Name: "do", Subject: p.service + ".do",
				NumRequests: p.requests, NumErrors: p.errors, ProcessingTime: p.busy,
			}},
		}
		if p.more > 0 {
			stats.Endpoints = append(stats.Endpoints, &micro.EndpointStats{Name: "more", Subject: "more", NumRequests: p.more})
		}
		return stats
	})
}

// screen is a viewer that keeps what it gets, as the page in a browser does.
type screen struct {
	t *testing.T
	p *poller
	v *viewer

	frames   int
	to       int64
	status   status
	services []serviceView
	samples  map[string]map[int64][3]*float64 // by subject
}

func open(t *testing.T, p *poller) *screen {
	t.Helper()
	pg := &screen{t: t, p: p, v: p.watch(), samples: make(map[string]map[int64][3]*float64)}
	if pg.v == nil {
		t.Fatal("the poller is closed")
	}
	return pg
}

// read takes what is new, if anything is.
func (pg *screen) read() {
	pg.t.Helper()
	synctest.Wait()
	data, err := pg.p.next(pg.v)
	if err != nil {
		pg.t.Fatal(err)
	}
	if data == nil {
		return
	}
	var f struct {
		Whole    bool                  `json:"whole"`
		Status   status                `json:"status"`
		Services []serviceView         `json:"services"`
		Samples  map[string][]*float64 `json:"samples"`
		From     int64                 `json:"from"`
		To       int64                 `json:"to"`
	}
	if err := json.Unmarshal(data, &f); err != nil {
		pg.t.Fatal(err)
	}
	pg.frames++
	pg.status, pg.to = f.Status, f.To
	if f.Whole {
		clear(pg.samples)
	}
	if f.Services != nil {
		pg.services = f.Services
	}
	for _, s := range pg.services {
		for _, e := range s.Endpoints {
			for i, x := range f.Samples[fmt.Sprint(e.Number)] {
				key := s.Name + " " + e.Subject
				if pg.samples[key] == nil {
					pg.samples[key] = make(map[int64][3]*float64)
				}
				at := pg.samples[key][f.From+int64(i/3)]
				at[i%3] = x
				pg.samples[key][f.From+int64(i/3)] = at
			}
		}
	}
}

// rate returns the requests of the service stock in a second, sample by sample, "-" where nothing is known.
func (pg *screen) rate() string {
	samples := pg.samples["stock stock.do"]
	var words []string
	for n := range pg.to + 1 {
		if x := samples[n][0]; x != nil {
			words = append(words, fmt.Sprintf("%.4g", *x))
		} else {
			words = append(words, "-")
		}
	}
	return strings.TrimLeft(strings.Join(words, " "), "- ")
}

// listed returns who is there: services with the number of their instances.
func (pg *screen) listed() string {
	words := make([]string, len(pg.services))
	for i, s := range pg.services {
		words[i] = fmt.Sprintf("%s %d", s.Name, s.Instances)
	}
	return strings.Join(words, ", ")
}

func (pg *screen) want(what, want, got string) {
	pg.t.Helper()
	if want != got {
		pg.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// pass lets time pass, question by question, while procs work.
func (pg *screen) pass(rounds int, work func()) {
	pg.t.Helper()
	for range rounds {
		if work != nil {
			work()
		}
		after(statsEvery)
		pg.read()
	}
}

// after lets time pass in a bubble.
func after(d time.Duration) { <-time.After(d) }

func testPoller(w *world) *poller { return newPoller(w, w.status, newSettings(nil)) }

// inBubble runs f with a clock of its own, and a page that is open meanwhile.
func inBubble(t *testing.T, w *world, f func(pg *screen)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		pg := open(t, testPoller(w))
		defer func() { pg.p.leave(pg.v) }()
		after(time.Second) // between the questions from now on
		pg.read()
		f(pg)
	})
}

func TestRatesOfInstancesAreAdded(t *testing.T) {
	t.Parallel()
	a, b := &proc{service: "stock", id: "A"}, &proc{service: "stock", id: "B", requests: 1_000_000}
	w := newWorld(a, b)
	inBubble(t, w, func(pg *screen) {
		pg.pass(2, func() {
			w.change(func() {
				a.requests, a.errors, a.busy = a.requests+20, a.errors+2, a.busy+10*time.Millisecond
				b.requests, b.busy = b.requests+10, b.busy+20*time.Millisecond
			})
		})
		pg.want("rates", "15 15", pg.rate())
		last := pg.samples["stock stock.do"][3]
		if errors, mean := *last[1], *last[2]; errors != 1 || mean != 0.001 {
			t.Errorf("got %v errors a second and a mean of %v s, want 1 and 0.001", errors, mean)
		}
		pg.pass(1, nil)
		if x := pg.samples["stock stock.do"][4]; *x[0] != 0 || x[2] != nil {
			t.Errorf("without a request: %v a second, mean %v; want 0 and none", *x[0], x[2])
		}
	})
}

// TestCountersThatStartAnew: neither a restart nor a Reset is a burst of requests, or less than none.
func TestCountersThatStartAnew(t *testing.T) {
	t.Parallel()
	const gap = "10 10 - 10 10"
	for name, test := range map[string]struct {
		restart func(*proc)
		want    string
	}{
		"falling":          {func(p *proc) { p.requests = 3 }, gap},
		"errors fall":      {func(p *proc) { p.errors = 0; p.requests += 7 }, gap},
		"time falls":       {func(p *proc) { p.busy = 0; p.requests += 7 }, gap},
		"a new start":      {func(p *proc) { p.started = p.started.Add(time.Second); p.requests += 1_000_000 }, gap},
		"another instance": {func(p *proc) { p.id = "B"; p.requests += 1_000_000 }, gap},
		"below zero":       {func(p *proc) { p.requests = -5 }, "10 10 - - 10"},
		"more than fits":   {func(p *proc) { p.requests = math.MaxInt }, "10 10 4.612e+18 - -"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &proc{service: "stock", id: "A", requests: 100, errors: 50, busy: time.Second}
			w := newWorld(p)
			work := func() { w.change(func() { p.requests += 20 }) }
			inBubble(t, w, func(pg *screen) {
				pg.pass(2, work)
				w.change(func() { test.restart(p) })
				pg.pass(1, nil)
				pg.pass(2, work)
				pg.want("rates", test.want, pg.rate())
			})
		})
	}
}

// TestSilentInstance: what it did meanwhile is spread over the time, and it is gone only after three questions.
func TestSilentInstance(t *testing.T) {
	t.Parallel()
	a := &proc{service: "stock", id: "A"}
	w := newWorld(a)
	work := func() { w.change(func() { a.requests += 20 }) }
	inBubble(t, w, func(pg *screen) {
		pg.pass(1, work)
		w.change(func() { a.isSilent = true })
		pg.pass(2, work)
		pg.want("while it is silent", "stock 1", pg.listed())
		w.change(func() { a.isSilent = false })
		pg.pass(1, work)
		pg.want("rates", "10 10 10 10", pg.rate())
	})
}

// TestEndpointIsAdded: what a new endpoint has counted before anybody looked is no burst.
func TestEndpointIsAdded(t *testing.T) {
	t.Parallel()
	a := &proc{service: "stock", id: "A"}
	w := newWorld(a)
	inBubble(t, w, func(pg *screen) {
		pg.pass(1, nil)
		w.change(func() { a.more = 1_000_000 })
		pg.pass(1, nil)
		w.change(func() { a.more += 20 })
		pg.pass(1, nil)
		samples := pg.samples["stock more"]
		if before, after := samples[pg.to-1][0], samples[pg.to][0]; before != nil || after == nil || *after != 10 {
			t.Errorf("samples of the new endpoint: %v, %v; want none and 10", before, after)
		}
	})
}

func TestInstancesComeAndGo(t *testing.T) {
	t.Parallel()
	a, b := &proc{service: "stock", id: "A"}, &proc{service: "stock", id: "B"}
	c := &proc{service: "prices", id: "C"}
	w := newWorld(a)
	inBubble(t, w, func(pg *screen) {
		pg.want("at first", "stock 1", pg.listed())
		w.change(func() { w.procs["B"], w.procs["C"] = b, c })
		pg.pass(1, nil)
		pg.want("when they have come", "prices 1, stock 2", pg.listed())
		pg.want("what the new one says", "says ", pg.services[0].Description)
		w.change(func() { delete(w.procs, "B"); delete(w.procs, "C") })
		pg.pass(2, nil)
		pg.want("before it is known that they have gone", "prices 1, stock 2", pg.listed())
		pg.pass(1, nil)
		pg.want("when they have gone", "prices 0, stock 1", pg.listed())
		pg.pass(int(samples)+1, nil)
		pg.want("after five minutes", "stock 1", pg.listed())
		pg.p.mu.Lock()
		defer pg.p.mu.Unlock()
		if f := pg.p.fleet; len(f.byNumber) != 1 || f.instances != 1 || f.offers != 1 || f.endpoints != 1 {
			t.Errorf("what has gone is still kept: %d plots, %d instances, %d offers, %d endpoints",
				len(f.byNumber), f.instances, f.offers, f.endpoints)
		}
	})
}

// TestIncompleteAnswers: nobody is gone because not all answers were read, and the page says so.
func TestIncompleteAnswers(t *testing.T) {
	t.Parallel()
	a := &proc{service: "stock", id: "A"}
	w := newWorld(a)
	inBubble(t, w, func(pg *screen) {
		w.change(func() { a.isSilent, w.failed = true, fmt.Errorf("stats: %w", discovery.ErrIncomplete) })
		pg.pass(10, nil)
		pg.want("who is there", "stock 1", pg.listed())
		want := []string{"more has come than can be read in time, and not everybody is shown"}
		if diff := cmp.Diff(want, pg.status.Problems); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
		w.change(func() { w.failed = errors.New("no such luck") })
		pg.pass(1, nil)
		pg.want("another problem", "no such luck", strings.Join(pg.status.Problems, "; "))
		w.change(func() { a.isSilent, w.failed = false, nil })
		pg.pass(1, nil)
		if len(pg.status.Problems) > 0 {
			t.Errorf("problems that are over: %q", pg.status.Problems)
		}
	})
}

// TestInstancesThatNeverComeBack: what is kept of those who have gone does not grow.
func TestInstancesThatNeverComeBack(t *testing.T) {
	t.Parallel()
	const instances = 200
	w := newWorld()
	inBubble(t, w, func(pg *screen) {
		round := 0
		pg.pass(3*int(samples), func() {
			round++
			w.change(func() {
				clear(w.procs)
				for i := range instances {
					id := fmt.Sprintf("%d-%d", round, i)
					w.procs[id] = &proc{service: "stock", id: id, requests: 100 * round}
				}
			})
		})
		pg.p.mu.Lock()
		defer pg.p.mu.Unlock()
		f := pg.p.fleet
		if most := (maxMissed + 1) * instances; f.instances > most || f.offers > most || len(f.services["stock"].instances) > most {
			t.Errorf("%d instances and %d offers are kept of %d that are there", f.instances, f.offers, instances)
		}
		if got := pg.rate(); strings.Trim(got, "0- ") != "" {
			t.Errorf("rates of instances that nobody knows: %s", got)
		}
	})
}

func TestWhatDisagrees(t *testing.T) {
	t.Parallel()
	w := newWorld(
		&proc{service: "stock", id: "A", version: "1.9.0", digest: "old"},
		&proc{service: "stock", id: "B", version: "1.10.0", digest: "new"},
		&proc{service: "stock", id: "C", version: "1.10.0", digest: "new"},
	)
	inBubble(t, w, func(pg *screen) {
		want := []serviceView{{
			Number: 1, Name: "stock", Description: "says 1.10.0", Instances: 3,
			Versions: []tally{{Value: "1.9.0", Instances: 1}, {Value: "1.10.0", Instances: 2}},
			Endpoints: []endpointView{{
				Number: 2, Name: "do", Subject: "stock.do", Instances: 3,
				QueueGroups: []tally{{Value: "q", Instances: 3}},
				Contracts: []tally{
					{Value: "new", Instances: 2, Versions: []string{"1.10.0"}}, {Value: "old", Instances: 1, Versions: []string{"1.9.0"}},
				},
			}},
		}}
		if diff := cmp.Diff(want, pg.services); diff != "" {
			t.Errorf("services (-want +got):\n%s", diff)
		}
	})
}

// TestQuestions: statistics every 2 s, descriptions every 30 s and when somebody asks; nothing while the connection is down.
func TestQuestions(t *testing.T) {
	t.Parallel()
	w := newWorld(&proc{service: "stock", id: "A"})
	w.takes = 100 * time.Millisecond
	inBubble(t, w, func(pg *screen) {
		pg.want("at first", "1 INFO, 1 STATS", w.asked())
		pg.pass(14, nil)
		pg.want("after 29 s", "1 INFO, 15 STATS", w.asked())
		pg.pass(1, nil)
		pg.want("after 31 s", "2 INFO, 16 STATS", w.asked())
		pg.p.refresh <- struct{}{}
		after(500 * time.Millisecond)
		pg.want("on demand", "3 INFO, 16 STATS", w.asked())
		w.change(func() { w.link = nats.RECONNECTING })
		pg.pass(3, nil)
		pg.want("while the connection is down", "3 INFO, 16 STATS", w.asked())
		pg.want("link", "down", pg.status.Link)
		w.change(func() { w.link = nats.CONNECTED })
		pg.pass(1, nil)
		pg.want("when it is back", "4 INFO, 17 STATS", w.asked())
		pg.want("link", "up", pg.status.Link)
		w.change(func() { w.link = nats.CLOSED })
		pg.pass(1, nil)
		pg.want("link", "closed", pg.status.Link)
		w.change(func() {
			if w.most > 1 {
				t.Errorf("%d questions at a time, want one", w.most)
			}
		})
	})
}

// TestOnePollerForAllViewers: it runs while somebody looks, and what is known stays for a page that is loaded again.
func TestOnePollerForAllViewers(t *testing.T) {
	t.Parallel()
	a := &proc{service: "stock", id: "A"}
	w := newWorld(a)
	w.takes = 100 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		p := testPoller(w)
		first := open(t, p)
		after(time.Second)
		w.change(func() { a.requests = -1 }) // the first difference is not of 2 s
		first.pass(1, nil)
		w.change(func() { a.requests = 0 })
		first.pass(1, nil)
		second := open(t, p)
		second.read()
		first.pass(3, func() { w.change(func() { a.requests += 20 }) })
		second.read()
		first.want("one who has missed versions", "10 10 10", second.rate())
		if second.frames != 2 {
			t.Errorf("the slow viewer got %d frames, want the first and the newest", second.frames)
		}
		p.leave(first.v)
		second.pass(1, nil)
		second.want("the viewer who is left", "10 10 10 0", second.rate())
		p.leave(second.v)
		select {
		case <-p.ended:
		default:
			t.Error("the goroutine is left when the last viewer has gone")
		}
		again := second
		before := w.asked()
		after(10 * time.Second)
		again.want("questions while nobody looks", before, w.asked())
		again = open(t, p)
		again.read()
		again.want("loaded again", "10 10 10 0", again.rate())
		again.pass(1, nil)
		again.want("after an answer", "10 10 10 0 0 0 0 0 0 0", again.rate())
		p.leave(again.v)
		after(time.Minute)
		late := open(t, p)
		late.read()
		late.want("much later, before anybody has answered", "", late.listed())
		if late.status.Asked {
			t.Error("the page claims to know who is there")
		}
		p.leave(late.v)
		p.close()
		if p.watch() != nil {
			t.Error("a closed poller lets a viewer in")
		}
	})
}

// TestViewerWhileTheLastOneLeaves: two goroutines never ask at a time.
func TestViewerWhileTheLastOneLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(&proc{service: "stock", id: "A"})
	w.takes, w.ends = time.Second, 10*time.Second
	synctest.Test(t, func(t *testing.T) {
		p := testPoller(w)
		first := open(t, p)
		after(time.Second / 2)
		left := make(chan struct{})
		go func() {
			p.leave(first.v)
			close(left)
		}()
		synctest.Wait()
		second := open(t, p)
		after(5 * time.Second)
		second.want("while the question is not over", "1 INFO, 0 STATS", w.asked())
		<-left
		after(5 * time.Second)
		second.read()
		second.want("after that", "stock 1", second.listed())
		w.change(func() { second.want("questions at a time", "1", fmt.Sprint(w.most)) })
		p.leave(second.v)
	})
}

// TestFleetIsBounded: whatever answers, what is kept and sent has bounds, and the page says what is missing.
func TestFleetIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for i := range 1500 {
		id := fmt.Sprint("I", i)
		w.procs[id] = &proc{service: fmt.Sprint("s", i), id: id, version: strings.Repeat("v", 1000)}
	}
	inBubble(t, w, func(pg *screen) {
		pg.p.mu.Lock()
		defer pg.p.mu.Unlock()
		f := pg.p.fleet
		if len(f.services) != defaultMaxEndpoints || f.endpoints > defaultMaxEndpoints || f.instances > defaultMaxEndpoints {
			t.Errorf("%d services, %d endpoints, %d instances are kept", len(f.services), f.endpoints, f.instances)
		}
		pg.want("problems", "there is no room for 500 instances", strings.Join(pg.status.Problems, "; "))
		if size := len(pg.p.services); size > 2<<20 {
			t.Errorf("the page gets %d bytes", size)
		}
	})
}
