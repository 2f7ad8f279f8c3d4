package typednats_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/typednatstest"
)

func TestServiceConfigIsValidated(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	before := nc.NumSubscriptions()
	t.Cleanup(func() {
		if got := nc.NumSubscriptions(); got != before {
			t.Errorf("%d subscriptions are left, want %d", got, before)
		}
	})
	for name, test := range map[string]struct {
		change func(*typednats.ServiceConfig)
		want   string // what the error says beside the service's name
	}{
		"no name":             {func(c *typednats.ServiceConfig) { c.Name = "" }, `Name ""`},
		"dot in name":         {func(c *typednats.ServiceConfig) { c.Name = "a.b" }, `Name "a.b"`},
		"space in name":       {func(c *typednats.ServiceConfig) { c.Name = "a b" }, `Name "a b"`},
		"letter beyond ASCII": {func(c *typednats.ServiceConfig) { c.Name = "ä" }, `Name "ä"`},
		"newline after name":  {func(c *typednats.ServiceConfig) { c.Name = "a\n" }, `Name "a\n"`},
		"no version":          {func(c *typednats.ServiceConfig) { c.Version = "" }, `Version ""`},
		"two numbers":         {func(c *typednats.ServiceConfig) { c.Version = "1.0" }, `Version "1.0"`},
		"v in front":          {func(c *typednats.ServiceConfig) { c.Version = "v1.0.0" }, `Version "v1.0.0"`},
		"leading zero":        {func(c *typednats.ServiceConfig) { c.Version = "01.0.0" }, `Version "01.0.0"`},
		"newline at the end":  {func(c *typednats.ServiceConfig) { c.Version = "1.0.0\n" }, `Version "1.0.0\n"`},
		"space in queue":      {func(c *typednats.ServiceConfig) { c.QueueGroup = "a b" }, `QueueGroup "a b"`},
		"queue, and none": {func(c *typednats.ServiceConfig) {
			c.QueueGroup, c.QueueGroupDisabled = "w", true
		}, "QueueGroupDisabled"},
		"empty metadata key": {func(c *typednats.ServiceConfig) { c.Metadata = map[string]string{"": "x"} }, "Metadata key"},
		"negative drain":     {func(c *typednats.ServiceConfig) { c.DrainTimeout = -1 }, "DrainTimeout"},
		"negative bound":     {func(c *typednats.ServiceConfig) { c.MaxConcurrent = -1 }, `MaxConcurrent "-1"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(test.change)
			s, err := typednats.NewService(nc, cfg, echo.Handle(repeat))
			if s != nil || !errors.Is(err, typednats.ErrInvalidConfig) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("NewService = %v, %v, want ErrInvalidConfig about %s", s, err, test.want)
			}
		})
	}
}

func TestServiceTakesEverySemanticVersion(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	for _, version := range []string{"0.0.0", "1.0.0-alpha.1", "1.0.0+build.7", "1.0.0-rc.1+exp.sha.5114f85", "99999999999999999999.0.0"} {
		start(t, nc, config(func(c *typednats.ServiceConfig) { c.Version = version }))
	}
}

func TestNewServiceReportsEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	cfg := config(func(c *typednats.ServiceConfig) { c.Name, c.Version = "a.b", "one" })
	_, err := typednats.NewService(nil, cfg, echo.Handle(nil), typednats.BoundEndpoint{})
	if !errors.Is(err, typednats.ErrInvalidConfig) || !errors.Is(err, typednats.ErrInvalidEndpoint) {
		t.Fatalf("NewService = %v, want ErrInvalidConfig and ErrInvalidEndpoint", err)
	}
	for _, want := range []string{"connection", `Name "a.b"`, `Version "one"`, `"echo": handler`, "BoundEndpoint"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %s: %v", want, err)
		}
	}
}

func TestServiceRefusesBadEndpoints(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	bound := echo.Handle(repeat)
	s := start(t, nc, config(), bound)
	before := nc.NumSubscriptions()
	wild := echo.InSubject("wild.*")
	for name, test := range map[string]struct {
		endpoints []typednats.BoundEndpoint
		want      string
	}{
		"zero value":            {[]typednats.BoundEndpoint{{}}, "BoundEndpoint"},
		"no handler":            {[]typednats.BoundEndpoint{echo.InSubject("a").Handle(nil)}, "handler"},
		"no handler, either":    {[]typednats.BoundEndpoint{echo.InSubject("a").HandleWith(nil)}, "handler"},
		"bad descriptor":        {[]typednats.BoundEndpoint{echo.InSubject("a..b").Handle(repeat)}, `"a..b"`},
		"for clients":           {[]typednats.BoundEndpoint{wild.At("wild.a").Handle(repeat)}, "At"},
		"nil option":            {[]typednats.BoundEndpoint{wild.Handle(repeat, nil)}, "HandlerOption"},
		"no handlers at a time": {[]typednats.BoundEndpoint{wild.Handle(repeat, typednats.WithMaxConcurrent(0))}, "WithMaxConcurrent"},
		"negative queue":        {[]typednats.BoundEndpoint{wild.Handle(repeat, typednats.WithMaxPending(-1, 1))}, "messages"},
		"negative bytes":        {[]typednats.BoundEndpoint{wild.Handle(repeat, typednats.WithMaxPending(1, -1))}, "bytes"},
		"served already":        {[]typednats.BoundEndpoint{bound}, `"echo" has the same subject "echo" and queue group "q"`},
		"twice": {[]typednats.BoundEndpoint{
			echo.InSubject("b").Handle(repeat),
			typednats.NewEndpoint[note, note, typednats.Never]("other").InSubject("b").Handle(repeat),
		}, `"echo" has the same subject "b"`},
		"overlapping": {[]typednats.BoundEndpoint{
			echo.InSubject("orders.status").Handle(repeat),
			typednats.NewEndpoint[note, note, typednats.Never]("any").InSubject("orders.*").Handle(repeat),
		}, `"any": its subject "orders.*" overlaps "orders.status" of endpoint "echo", with queue group "q"`},
		"overlapping without queue group": {[]typednats.BoundEndpoint{
			echo.InSubject("b.c").WithoutQueueGroup().Handle(repeat),
			echo.InSubject("b.>").WithoutQueueGroup().Handle(repeat),
		}, `"b.>" overlaps "b.c" of endpoint "echo", with no queue group`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := echo.InSubject("good").Handle(repeat)
			err := s.AddEndpoints(append([]typednats.BoundEndpoint{good}, test.endpoints...)...)
			if !errors.Is(err, typednats.ErrInvalidEndpoint) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("AddEndpoints = %v, want ErrInvalidEndpoint about %s", err, test.want)
			}
			if n := len(s.Info().Endpoints); n != 1 {
				t.Errorf("%d endpoints, want 1: one bad endpoint adds none", n)
			}
		})
	}
	t.Cleanup(func() {
		if got := nc.NumSubscriptions(); got > before {
			t.Errorf("%d subscriptions, want at most %d", got, before)
		}
	})
}

// An endpoint that is removed does not compete any more; neither do those of other queue groups.
func TestServiceAcceptsEndpointsThatDoNotCompete(t *testing.T) {
	t.Parallel()
	s := start(t, typednatstest.Server(t), config(), echo.InSubject("a.*").Handle(repeat))
	one := echo.InSubject("a.b")
	err := s.AddEndpoints(one.Handle(repeat))
	if !errors.Is(err, typednats.ErrInvalidEndpoint) || !strings.Contains(err.Error(), `"a.b" overlaps "a.*" of endpoint "echo"`) {
		t.Errorf("AddEndpoints = %v, want ErrInvalidEndpoint that names both", err)
	}
	if err := s.AddEndpoints(one.WithQueueGroup("audit").Handle(repeat), one.WithoutQueueGroup().Handle(repeat)); err != nil {
		t.Errorf("AddEndpoints in other queue groups: %v", err)
	}
	if err := s.RemoveEndpoint(within(t), "a.*"); err != nil {
		t.Fatal(err)
	}
	if err := s.AddEndpoints(one.Handle(repeat), echo.InSubject("a.b.c").Handle(repeat)); err != nil {
		t.Errorf("AddEndpoints after the removal of what overlapped: %v", err)
	}
}

func TestServiceStartsWithManyEndpoints(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t, func(o *server.Options) { o.MaxPayload = 4 << 20 }) // for $SRV.INFO and $SRV.STATS
	nc := srv.Connect(t)
	bound := make([]typednats.BoundEndpoint, 10_000)
	for i := range bound {
		bound[i] = echo.InSubject("many.*.of" + strconv.Itoa(i)).Handle(repeat)
	}
	begin := time.Now()
	s := start(t, nc, config(), bound...)
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("the start took %v", took)
	}
	d := discovery.New(nc, discovery.WithMaxWait(patience)) // it makes all contract documents first
	if info, err := d.InfoInstance(within(t), s.Name(), s.ID()); err != nil || len(info.Endpoints) != len(bound) {
		t.Errorf("INFO: %d endpoints, %v", len(info.Endpoints), err)
	}
	if stats, err := d.StatsInstance(within(t), s.Name(), s.ID()); err != nil || len(stats.Endpoints) != len(bound) {
		t.Errorf("STATS: %d endpoints, %v", len(stats.Endpoints), err)
	}
	mustStop(t, s)
}

func TestLocalRefusesEndpointsThatCompete(t *testing.T) {
	t.Parallel()
	r := typednats.Local(echo.InSubject("a.*").Handle(repeat), echo.InSubject("a.b").Handle(repeat))
	_, err := typednats.RequestService(within(t), r, echo.InSubject("a.b"), note{})
	if !errors.Is(err, typednats.ErrInvalidEndpoint) || !strings.Contains(err.Error(), `"a.b" overlaps "a.*"`) {
		t.Errorf("call = %v, want ErrInvalidEndpoint that names both", err)
	}
}

func TestServiceTellsEndpointsApartBySubjectAndQueueGroup(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	s := start(t, nc, config(),
		echo.Handle(repeat),
		echo.InSubject("other").Handle(repeat),
		echo.WithQueueGroup("workers").Handle(repeat),
		echo.WithoutQueueGroup().Handle(repeat),
		echo.InGroup(typednats.NewGroup("g").WithQueueGroup("group")).Handle(repeat),
	)
	type address struct{ Name, Subject, QueueGroup string }
	var got []address
	for _, e := range s.Info().Endpoints {
		got = append(got, address{e.Name, e.Subject, e.QueueGroup})
	}
	compare(t, "endpoints in the order in which they were given", []address{
		{"echo", "echo", "q"},
		{"echo", "other", "q"},
		{"echo", "echo", "workers"},
		{"echo", "echo", ""},
		{"echo", "g.echo", "group"},
	}, got)
}

func TestServiceMetadataIsImmutable(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	given := map[string]string{"region": "eu"}
	s := start(t, nc, config(func(c *typednats.ServiceConfig) { c.Metadata = given }),
		echo.WithMetadata("unit", "piece").Handle(repeat))
	given["region"], given["more"] = "us", "x"
	for _, returned := range []map[string]string{
		s.Ping().Metadata, s.Info().Metadata, s.Stats().Metadata, s.Info().Endpoints[0].Metadata,
	} {
		maps.DeleteFunc(returned, func(_, _ string) bool { return true })
		returned["hacked"] = "yes"
	}
	s.Stats().Endpoints[0].NumRequests = 7
	s.Info().Endpoints[0].Name = "hacked"
	region := map[string]string{"region": "eu"}
	compare(t, "metadata of PING", region, s.Ping().Metadata)
	compare(t, "metadata of INFO", region, s.Info().Metadata)
	compare(t, "metadata of STATS", region, s.Stats().Metadata)
	compare(t, "metadata of the endpoint", "piece", s.Info().Endpoints[0].Metadata["unit"])
	compare(t, "size of the metadata of the endpoint", 2, len(s.Info().Endpoints[0].Metadata))
	compare(t, "requests", 0, s.Stats().Endpoints[0].NumRequests)
	compare(t, "name of the endpoint", "echo", s.Info().Endpoints[0].Name)
}

func TestServiceTellsWhatItIs(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	describe := func(c *typednats.ServiceConfig) { c.Description = "echoes" }
	a, b := start(t, nc, config(describe)), start(t, nc, config(describe))
	type identity struct{ Name, Version, Description string }
	compare(t, "identity", identity{"test", "1.2.3", "echoes"}, identity{a.Name(), a.Version(), a.Description()})
	if a.ID() == "" || a.ID() == b.ID() || a.ID() != a.Ping().ID {
		t.Errorf("ids %q and %q, want two different ones", a.ID(), b.ID())
	}
	compare(t, "ping", micro.Ping{
		ServiceIdentity: micro.ServiceIdentity{Name: "test", ID: a.ID(), Version: "1.2.3", Metadata: map[string]string{}},
		Type:            micro.PingResponseType,
	}, a.Ping())
}

func TestSeveralServicesShareAConnection(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	ctx := within(t)
	group := typednats.NewGroup("second")
	first := start(t, nc, config(), echo.Handle(repeat))
	between := nc.NumSubscriptions()
	second := start(t, nc, config(func(c *typednats.ServiceConfig) { c.Name = "second" }),
		echo.InGroup(group).Handle(repeat))
	for _, e := range []typednats.Endpoint[note, note, missing]{echo, echo.InGroup(group)} {
		if _, err := typednats.RequestService(ctx, nc, e, note{"hello"}); err != nil {
			t.Errorf("call %q: %v", e.Subject(), err)
		}
	}
	if err := second.Stop(ctx); err != nil {
		t.Fatalf("Stop: %v", err)
	}
	if got := nc.NumSubscriptions(); got != between+1 { // the connection's own for replies
		t.Errorf("%d subscriptions, want %d", got, between+1)
	}
	if _, err := typednats.RequestService(ctx, nc, echo, note{"hello"}); err != nil {
		t.Errorf("call the service that runs on: %v", err)
	}
	select {
	case <-first.Done():
		t.Error("stopping one service stopped the other")
	default:
	}
}

func TestNewServiceFailsOnAConnectionThatTakesNoSubscriptions(t *testing.T) {
	t.Parallel()
	one := echo.Handle(repeat, typednats.WithMaxConcurrent(1))
	t.Run("closed", func(t *testing.T) {
		t.Parallel()
		nc := typednatstest.Server(t)
		nc.Close()
		_, err := typednats.NewService(nc, config(), one)
		if !errors.Is(err, nats.ErrConnectionClosed) || !strings.Contains(err.Error(), `endpoint "echo"`) {
			t.Errorf("NewService = %v, want ErrConnectionClosed about the endpoint", err)
		}
	})
	t.Run("closed, without endpoints", func(t *testing.T) {
		t.Parallel()
		nc := typednatstest.Server(t)
		nc.Close()
		if _, err := typednats.NewService(nc, config()); !errors.Is(err, nats.ErrConnectionClosed) {
			t.Errorf("NewService = %v, want ErrConnectionClosed", err)
		}
	})
	t.Run("draining", func(t *testing.T) {
		t.Parallel()
		nc := typednatstest.Server(t)
		release := keepDraining(t, nc)
		defer release()
		_, err := typednats.NewService(nc, config(), one)
		if !errors.Is(err, nats.ErrConnectionDraining) || !strings.Contains(err.Error(), `endpoint "echo"`) {
			t.Errorf("NewService = %v, want ErrConnectionDraining about the endpoint", err)
		}
	})
}

// lateServer is a server that is out of reach at first.
type lateServer struct {
	*typednatstest.NATS
	up atomic.Bool
}

func (s *lateServer) InProcessConn() (net.Conn, error) {
	if !s.up.Load() {
		return nil, errors.New("not yet")
	}
	return s.NATS.InProcessConn()
}

func TestServiceMayStartBeforeTheConnectionIsThere(t *testing.T) {
	t.Parallel()
	srv := &lateServer{NATS: typednatstest.Run(t)}
	connected := make(chan struct{})
	nc, err := nats.Connect("", nats.InProcessServer(srv), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(time.Millisecond), nats.ConnectHandler(func(*nats.Conn) { close(connected) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	s := start(t, nc, config(), echo.Handle(repeat))
	srv.up.Store(true)
	await(t, connected, "the connection")
	caller, ctx := srv.Connect(t), within(t)
	if err := s.AddEndpoints(echo.InSubject("added").Handle(repeat)); err != nil { // the server knows both now
		t.Fatal(err)
	}
	for _, e := range []typednats.Endpoint[note, note, missing]{echo, echo.InSubject("added")} {
		if _, err := typednats.RequestService(ctx, caller, e, note{}); err != nil {
			t.Errorf("call %q: %v", e.Subject(), err)
		}
	}
}

func TestServiceNeedsNoJetStream(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	if srv.JetStreamEnabled() {
		t.Fatal("JetStream is on")
	}
	start(t, srv.Connect(t), config(), echo.Handle(repeat))
	out, err := typednats.RequestService(within(t), typednats.NewClient(srv.Connect(t)), echo, note{"hello"})
	if err != nil || out.Text != "hello" {
		t.Errorf("call = %v, %v", out, err)
	}
}

// A context that is nil ended the program, and left the service of Serve behind.
func TestServiceWithoutContext(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	s := start(t, nc, config(), echo.Handle(repeat))
	var none context.Context
	for name, err := range map[string]error{
		"Serve":          typednats.Serve(none, nc, config(), echo.InSubject("other").Handle(repeat)),
		"Ready":          s.Ready(none),
		"RemoveEndpoint": s.RemoveEndpoint(none, "echo"),
		"Stop":           s.Stop(none),
	} {
		if !errors.Is(err, typednats.ErrInvalidConfig) || !strings.Contains(err.Error(), "the context is nil") {
			t.Errorf("%s: %v, want ErrInvalidConfig that says so", name, err)
		}
	}
	if _, err := typednats.RequestService(within(t), nc, echo, note{}); err != nil {
		t.Errorf("call afterwards: %v", err)
	}
	nobodyServes(t, nc, "other")
}
