package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"go.uber.org/goleak"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // handlers fail on purpose
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of a test. No test waits that long unless something is broken.
const patience = 60 * time.Second

// note is the request and the reply of most endpoints here.
type note struct {
	Text string `json:"text"`
}

// missing is a declared error.
type missing struct {
	Item string `json:"item"`
}

func (e missing) Error() string { return "no " + e.Item }

func (missing) ErrorCode() int { return 404 }

// echo is the contract of most endpoints here.
var echo = typednats.NewEndpoint[note, note, missing]("echo")

// repeat is a handler that returns its request.
func repeat(_ context.Context, in note) (note, error) { return in, nil }

// config is a valid configuration that keeps the test's output clean.
func config(changes ...func(*typednats.ServiceConfig)) typednats.ServiceConfig {
	cfg := typednats.ServiceConfig{
		Name: "test", Version: "1.2.3", Logger: slog.New(slog.DiscardHandler),
		AskNeighbours: typednats.AskNever, // tests look at what is sent
	}
	for _, change := range changes {
		change(&cfg)
	}
	return cfg
}

// start starts a service that is stopped when the test ends, and then fails the test if it cannot stop, but for lack of
// time.
func start(
	tb testing.TB, nc *nats.Conn, cfg typednats.ServiceConfig, endpoints ...typednats.BoundEndpoint,
) *typednats.Service {
	tb.Helper()
	s, err := typednats.NewService(nc, cfg, endpoints...)
	if err != nil {
		tb.Fatalf("NewService: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		err := s.Stop(ctx) // it returns again what it has returned to the test
		if err != nil && !errors.Is(err, typednats.ErrAbandoned) && !errors.Is(err, context.Canceled) {
			tb.Errorf("Stop: %v", err)
		}
	})
	return s
}

// within is a context that ends with patience or with the test.
func within(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	tb.Cleanup(cancel)
	return ctx
}

// await returns what comes from a channel, or its zero value once it is closed.
func await[T any](tb testing.TB, ch <-chan T, what string) T {
	tb.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		tb.Fatalf("waited %v for %s", patience, what)
		panic("not reached")
	}
}

// eventually waits until condition holds, for what there is no event of.
func eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// gate is a handler that says when it runs and returns once it may. Open it before the service is stopped.
type gate struct {
	entered chan note            // one for each call
	ctxs    chan context.Context // the same
	opened  chan struct{}        // closed to let all through
	once    sync.Once            // of opening
}

func newGate() *gate {
	return &gate{
		entered: make(chan note, 1<<12),
		ctxs:    make(chan context.Context, 1<<12),
		opened:  make(chan struct{}),
	}
}

func (g *gate) handle(ctx context.Context, in note) (note, error) {
	g.ctxs <- ctx
	g.entered <- in
	<-g.opened
	return in, nil
}

// open lets all calls through, from now on.
func (g *gate) open() { g.once.Do(func() { close(g.opened) }) }

// rawClient sends requests as any NATS client would and collects the replies.
type rawClient struct {
	tb      testing.TB
	nc      *nats.Conn
	inbox   string
	replies chan *nats.Msg
}

func newRawClient(tb testing.TB, nc *nats.Conn) *rawClient {
	tb.Helper()
	r := &rawClient{tb: tb, nc: nc, inbox: nc.NewInbox(), replies: make(chan *nats.Msg, 1<<15)}
	sub, err := nc.ChanSubscribe(r.inbox+".*", r.replies)
	if err != nil {
		tb.Fatalf("subscribe: %v", err)
	}
	tb.Cleanup(func() { _ = sub.Unsubscribe() })
	return r
}

// send sends a request whose reply has the given name, with one header if a key and a value are given.
func (r *rawClient) send(name, subject, body string, header ...string) {
	r.tb.Helper()
	msg := &nats.Msg{Subject: subject, Reply: r.inbox + "." + name, Data: []byte(body)}
	if len(header) == 2 {
		msg.Header = nats.Header{header[0]: {header[1]}}
	}
	if err := r.nc.PublishMsg(msg); err != nil {
		r.tb.Fatalf("publish: %v", err)
	}
}

// next returns the name of the next reply, and what it says: "" or code and description.
func (r *rawClient) next() (name, failure string, msg *nats.Msg) {
	r.tb.Helper()
	msg = await(r.tb, r.replies, "a reply")
	return strings.TrimPrefix(msg.Subject, r.inbox+"."), failureOf(msg), msg
}

// flush waits for the replies that the server has.
func (r *rawClient) flush() {
	r.tb.Helper()
	if err := r.nc.FlushTimeout(patience); err != nil {
		r.tb.Fatalf("flush: %v", err)
	}
}

// silent fails the test if the server has another reply.
func (r *rawClient) silent() {
	r.tb.Helper()
	r.flush()
	select {
	case msg := <-r.replies:
		r.tb.Errorf("another reply came: %q %v", msg.Subject, msg.Header)
	default:
	}
}

// failureOf is "" for a successful reply, else its code and description.
func failureOf(msg *nats.Msg) string {
	if msg.Header.Get(micro.ErrorCodeHeader) == "" {
		return ""
	}
	return msg.Header.Get(micro.ErrorCodeHeader) + ":" + withoutID(msg.Header.Get(micro.ErrorHeader))
}

// errorID is what ends the text of an error whose cause a service keeps for itself.
var errorID = regexp.MustCompile(`, id [A-Z2-7]{12}\b`)

// withoutID returns a text without what differs each time.
func withoutID(text string) string { return errorID.ReplaceAllString(text, "") }

// headerWithoutID returns headers with such a text.
func headerWithoutID(h nats.Header) nats.Header {
	h = maps.Clone(h)
	for key, values := range h {
		h[key] = slices.Clone(values)
		for i := range values {
			h[key][i] = withoutID(values[i])
		}
	}
	return h
}

// compare reports a difference between what was wanted and what was got.
func compare(tb testing.TB, what string, want, got any, opts ...cmp.Option) {
	tb.Helper()
	if diff := cmp.Diff(want, got, opts...); diff != "" {
		tb.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// codeOf returns the code and the description of the ServiceError that an error holds.
func codeOf(err error) string {
	se, ok := errors.AsType[*typednats.ServiceError](err)
	if !ok {
		return fmt.Sprintf("no ServiceError: %v", err)
	}
	return strconv.Itoa(se.Code) + ":" + withoutID(se.Description)
}

// reportLog collects what a service tells its ErrorHandler.
type reportLog chan typednats.ErrorReport

func (r reportLog) config(cfg *typednats.ServiceConfig) {
	cfg.ErrorHandler = func(report typednats.ErrorReport) { r <- report }
}

// mustStop stops a service and minds if that fails.
func mustStop(tb testing.TB, s *typednats.Service) {
	tb.Helper()
	if err := s.Stop(within(tb)); err != nil {
		tb.Errorf("Stop: %v", err)
	}
}

// requesters returns each way to call through a connection.
func requesters(tb testing.TB, nc *nats.Conn) map[string]typednats.Requester {
	tb.Helper()
	token, headers := typednats.NewClient(nc), typednats.NewClient(nc, typednats.WithoutReplyToken())
	tb.Cleanup(func() {
		if err := errors.Join(token.Close(), headers.Close()); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return map[string]typednats.Requester{"connection": nc, "client": token, "client with headers": headers}
}

// way is one way to call endpoints, and the subtest for it.
type way struct {
	*testing.T

	r typednats.Requester
}

// eachWay runs a test of endpoints as a subtest for each way to call them. They take turns, so that they can share what
// the handlers tell. A test that needs more than a Requester, such as the service, its statistics or the connection,
// starts a service itself.
func eachWay(t *testing.T, bound []typednats.BoundEndpoint, test func(t way)) {
	t.Helper()
	srv := typednatstest.Run(t)
	start(t, srv.Connect(t), config(), bound...)
	for name, r := range requesters(t, srv.Connect(t)) {
		oneWay(t, name, r, test)
	}
	oneWay(t, "local", typednats.Local(bound...), test)
}

func oneWay(t *testing.T, name string, r typednats.Requester, test func(t way)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { test(way{t, r}) })
}

// answer answers a subject as a service of any make would.
func answer(tb testing.TB, nc *nats.Conn, subject string, answer func(request *nats.Msg) *nats.Msg) {
	tb.Helper()
	sub, err := nc.Subscribe(subject, func(m *nats.Msg) {
		if reply := answer(m); reply != nil {
			reply.Subject = m.Reply
			_ = nc.PublishMsg(reply)
		}
	})
	if err != nil {
		tb.Fatalf("subscribe: %v", err)
	}
	if err := nc.FlushTimeout(patience); err != nil {
		tb.Fatalf("flush: %v", err)
	}
	tb.Cleanup(func() { _ = sub.Unsubscribe() })
}

// confirming is a peer that answers as the function does, and confirms that reply subjects arrive, as services of the
// library do.
func confirming(answer func(request *nats.Msg) *nats.Msg) func(request *nats.Msg) *nats.Msg {
	return func(request *nats.Msg) *nats.Msg {
		reply := answer(request)
		if request.Header.Get(typednats.TimeoutHeader) != "" {
			reply.Header = headerOf(typednats.ReplyTokenHeader, "read")
		}
		return reply
	}
}

// warm makes a call of echo, so that the requester knows that reply subjects arrive if somebody confirms it.
func warm(tb testing.TB, r typednats.Requester) {
	tb.Helper()
	if _, err := typednats.Request[note, struct{}](within(tb), r, "echo", note{}); err != nil {
		tb.Fatalf("first call: %v", err)
	}
}

// silence is a peer that never answers.
func silence(*nats.Msg) *nats.Msg { return nil }

// tap returns a subscription that gets a copy of what is sent to a subject.
func tap(tb testing.TB, nc *nats.Conn, subject string) *nats.Subscription {
	tb.Helper()
	sub, err := nc.SubscribeSync(subject)
	if err != nil {
		tb.Fatalf("subscribe: %v", err)
	}
	if err := nc.FlushTimeout(patience); err != nil {
		tb.Fatalf("flush: %v", err)
	}
	return sub
}

// exchange sends a message that no client of ours made and returns the reply.
func exchange(tb testing.TB, nc *nats.Conn, subject string, header nats.Header, body string) *nats.Msg {
	tb.Helper()
	msg := &nats.Msg{Subject: subject, Header: header, Data: []byte(body)}
	reply, err := nc.RequestMsgWithContext(within(tb), msg)
	if err != nil {
		tb.Fatalf("request on %q: %v", subject, err)
	}
	return reply
}

// headerOf is a header of pairs of key and value.
func headerOf(pairs ...string) nats.Header {
	h := nats.Header{}
	for pair := range slices.Chunk(pairs, 2) {
		h.Add(pair[0], pair[1])
	}
	return h
}

// textOf returns the description in the headers of an error reply, all of which must be ASCII.
func textOf(tb testing.TB, h nats.Header) string {
	tb.Helper()
	for key, values := range h {
		if strings.ContainsFunc(fmt.Sprint(values), func(r rune) bool { return r < ' ' || r > '~' }) {
			tb.Errorf("%s: %q is not ASCII", key, values)
		}
	}
	text, err := url.PathUnescape(h.Get(typednats.ErrorTextHeader))
	if err != nil {
		tb.Errorf("%s: %v", typednats.ErrorTextHeader, err)
	}
	if text == "" {
		return h.Get(micro.ErrorHeader)
	}
	return text
}
