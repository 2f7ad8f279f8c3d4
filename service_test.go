package typednats_test

import (
	"errors"
	"maps"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/internal/natstest"
)

func TestServiceConfigIsValidated(t *testing.T) {
	t.Parallel()
	nc := natstest.Connect(t)
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
			cfg := svcConfig(test.change)
			s, err := typednats.NewService(nc, cfg, svcEcho.Handle(svcReflect))
			if s != nil || !errors.Is(err, typednats.ErrInvalidConfig) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("NewService = %v, %v, want ErrInvalidConfig about %s", s, err, test.want)
			}
		})
	}
}

func TestServiceTakesEverySemanticVersion(t *testing.T) {
	t.Parallel()
	nc := natstest.Connect(t)
	for _, version := range []string{"0.0.0", "1.0.0-alpha.1", "1.0.0+build.7", "1.0.0-rc.1+exp.sha.5114f85", "99999999999999999999.0.0"} {
		svcStart(t, nc, svcConfig(func(c *typednats.ServiceConfig) { c.Version = version }))
	}
}

func TestNewServiceReportsEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	cfg := svcConfig(func(c *typednats.ServiceConfig) { c.Name, c.Version = "a.b", "one" })
	_, err := typednats.NewService(nil, cfg, svcEcho.Handle(nil), typednats.BoundEndpoint{})
	if !errors.Is(err, typednats.ErrInvalidConfig) || !errors.Is(err, typednats.ErrInvalidEndpoint) {
		t.Fatalf("NewService = %v, want ErrInvalidConfig and ErrInvalidEndpoint", err)
	}
	for _, want := range []string{"connection", `Name "a.b"`, `Version "one"`, `"svc-echo": handler`, "BoundEndpoint"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %s: %v", want, err)
		}
	}
}

func TestServiceRefusesBadEndpoints(t *testing.T) {
	t.Parallel()
	nc := natstest.Connect(t)
	echo := svcEcho.Handle(svcReflect)
	s := svcStart(t, nc, svcConfig(), echo)
	before := nc.NumSubscriptions()
	wild := svcEcho.InSubject("svc.*")
	for name, test := range map[string]struct {
		endpoints []typednats.BoundEndpoint
		want      string
	}{
		"zero value":            {[]typednats.BoundEndpoint{{}}, "BoundEndpoint"},
		"no handler":            {[]typednats.BoundEndpoint{svcEcho.InSubject("a").Handle(nil)}, "handler"},
		"no handler, either":    {[]typednats.BoundEndpoint{svcEcho.InSubject("a").HandleWith(nil)}, "handler"},
		"bad descriptor":        {[]typednats.BoundEndpoint{svcEcho.InSubject("a..b").Handle(svcReflect)}, `"a..b"`},
		"for clients":           {[]typednats.BoundEndpoint{wild.At("svc.a").Handle(svcReflect)}, "At"},
		"nil option":            {[]typednats.BoundEndpoint{wild.Handle(svcReflect, nil)}, "HandlerOption"},
		"no handlers at a time": {[]typednats.BoundEndpoint{wild.Handle(svcReflect, typednats.WithMaxConcurrent(0))}, "WithMaxConcurrent"},
		"negative queue":        {[]typednats.BoundEndpoint{wild.Handle(svcReflect, typednats.WithMaxPending(-1, 1))}, "messages"},
		"negative bytes":        {[]typednats.BoundEndpoint{wild.Handle(svcReflect, typednats.WithMaxPending(1, -1))}, "bytes"},
		"served already":        {[]typednats.BoundEndpoint{echo}, `"svc-echo" has the same subject "svc-echo" and queue group "q"`},
		"twice": {[]typednats.BoundEndpoint{
			svcEcho.InSubject("b").Handle(svcReflect),
			typednats.NewEndpoint[svcText, svcText, typednats.Never]("other").InSubject("b").Handle(svcReflect),
		}, `"svc-echo" has the same subject "b"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := svcEcho.InSubject("good").Handle(svcReflect)
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

func TestServiceTellsEndpointsApartBySubjectAndQueueGroup(t *testing.T) {
	t.Parallel()
	nc := natstest.Connect(t)
	s := svcStart(t, nc, svcConfig(),
		svcEcho.Handle(svcReflect),
		svcEcho.InSubject("other").Handle(svcReflect),
		svcEcho.WithQueueGroup("workers").Handle(svcReflect),
		svcEcho.WithoutQueueGroup().Handle(svcReflect),
		svcEcho.InGroup(typednats.NewGroup("g").WithQueueGroup("group")).Handle(svcReflect),
	)
	type address struct{ Name, Subject, QueueGroup string }
	var got []address
	for _, e := range s.Info().Endpoints {
		got = append(got, address{e.Name, e.Subject, e.QueueGroup})
	}
	svcDiff(t, "endpoints in the order in which they were given", []address{
		{"svc-echo", "svc-echo", "q"},
		{"svc-echo", "other", "q"},
		{"svc-echo", "svc-echo", "workers"},
		{"svc-echo", "svc-echo", ""},
		{"svc-echo", "g.svc-echo", "group"},
	}, got)
}

func TestServiceQueueGroupsComeFromTheNearestLevel(t *testing.T) {
	t.Parallel()
	nc := natstest.Connect(t)
	group := typednats.NewGroup("g").WithQueueGroup("group")
	endpoints := []typednats.BoundEndpoint{
		svcEcho.InSubject("a").Handle(svcReflect),
		svcEcho.InSubject("b").InGroup(group).Handle(svcReflect),
		svcEcho.InSubject("c").InGroup(group.WithoutQueueGroup()).Handle(svcReflect),
		svcEcho.InSubject("d").InGroup(group).WithQueueGroup("own").Handle(svcReflect),
		svcEcho.InSubject("e").InGroup(group).WithoutQueueGroup().Handle(svcReflect),
		svcEcho.InSubject("f").InGroup(group.Group("inner")).Handle(svcReflect),
	}
	for name, test := range map[string]struct {
		change func(*typednats.ServiceConfig)
		want   string
	}{
		"default":  {func(*typednats.ServiceConfig) {}, "q"},
		"service":  {func(c *typednats.ServiceConfig) { c.QueueGroup = "service" }, "service"},
		"disabled": {func(c *typednats.ServiceConfig) { c.QueueGroupDisabled = true }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := svcStart(t, nc, svcConfig(test.change), endpoints...)
			info, stats := s.Info(), s.Stats()
			for i, want := range []string{test.want, "group", "", "own", "", "group"} {
				if got := info.Endpoints[i].QueueGroup; got != want {
					t.Errorf("INFO shows queue group %q for %q, want %q", got, info.Endpoints[i].Subject, want)
				}
				if got := stats.Endpoints[i].QueueGroup; got != want {
					t.Errorf("STATS shows queue group %q for %q, want %q", got, stats.Endpoints[i].Subject, want)
				}
			}
		})
	}
}

func TestServiceMetadataIsImmutable(t *testing.T) {
	t.Parallel()
	nc := natstest.Connect(t)
	given := map[string]string{"region": "eu"}
	s := svcStart(t, nc, svcConfig(func(c *typednats.ServiceConfig) { c.Metadata = given }),
		svcEcho.WithMetadata("unit", "piece").Handle(svcReflect))
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
	svcDiff(t, "metadata of PING", region, s.Ping().Metadata)
	svcDiff(t, "metadata of INFO", region, s.Info().Metadata)
	svcDiff(t, "metadata of STATS", region, s.Stats().Metadata)
	svcDiff(t, "metadata of the endpoint", map[string]string{"unit": "piece"}, s.Info().Endpoints[0].Metadata)
	svcDiff(t, "requests", 0, s.Stats().Endpoints[0].NumRequests)
	svcDiff(t, "name of the endpoint", "svc-echo", s.Info().Endpoints[0].Name)
}

func TestServiceTellsWhatItIs(t *testing.T) {
	t.Parallel()
	nc := natstest.Connect(t)
	describe := func(c *typednats.ServiceConfig) { c.Description = "echoes" }
	a, b := svcStart(t, nc, svcConfig(describe)), svcStart(t, nc, svcConfig(describe))
	type identity struct{ Name, Version, Description string }
	svcDiff(t, "identity", identity{"svc", "1.2.3", "echoes"}, identity{a.Name(), a.Version(), a.Description()})
	if a.ID() == "" || a.ID() == b.ID() || a.ID() != a.Ping().ID {
		t.Errorf("ids %q and %q, want two different ones", a.ID(), b.ID())
	}
	svcDiff(t, "ping", micro.Ping{
		ServiceIdentity: micro.ServiceIdentity{Name: "svc", ID: a.ID(), Version: "1.2.3", Metadata: map[string]string{}},
		Type:            micro.PingResponseType,
	}, a.Ping())
}

func TestSeveralServicesShareAConnection(t *testing.T) {
	t.Parallel()
	nc := natstest.Connect(t)
	ctx := svcContext(t)
	group := typednats.NewGroup("second")
	first := svcStart(t, nc, svcConfig(), svcEcho.Handle(svcReflect))
	between := nc.NumSubscriptions()
	second := svcStart(t, nc, svcConfig(func(c *typednats.ServiceConfig) { c.Name = "second" }),
		svcEcho.InGroup(group).Handle(svcReflect))
	for _, e := range []typednats.Endpoint[svcText, svcText, svcMissing]{svcEcho, svcEcho.InGroup(group)} {
		if _, err := typednats.RequestService(ctx, nc, e, svcText{"hello"}); err != nil {
			t.Errorf("call %q: %v", e.Subject(), err)
		}
	}
	if err := second.Stop(ctx); err != nil {
		t.Fatalf("Stop: %v", err)
	}
	if got := nc.NumSubscriptions(); got != between+1 { // the connection's own for replies
		t.Errorf("%d subscriptions, want %d", got, between+1)
	}
	if _, err := typednats.RequestService(ctx, nc, svcEcho, svcText{"hello"}); err != nil {
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
	one := svcEcho.Handle(svcReflect, typednats.WithMaxConcurrent(1))
	t.Run("closed", func(t *testing.T) {
		t.Parallel()
		nc := natstest.Connect(t)
		nc.Close()
		_, err := typednats.NewService(nc, svcConfig(), one)
		if !errors.Is(err, nats.ErrConnectionClosed) || !strings.Contains(err.Error(), `endpoint "svc-echo"`) {
			t.Errorf("NewService = %v, want ErrConnectionClosed about the endpoint", err)
		}
	})
	t.Run("closed, without endpoints", func(t *testing.T) {
		t.Parallel()
		nc := natstest.Connect(t)
		nc.Close()
		if _, err := typednats.NewService(nc, svcConfig()); !errors.Is(err, nats.ErrConnectionClosed) {
			t.Errorf("NewService = %v, want ErrConnectionClosed", err)
		}
	})
	t.Run("draining", func(t *testing.T) {
		t.Parallel()
		nc := natstest.Connect(t)
		release := svcKeepDraining(t, nc)
		defer release()
		_, err := typednats.NewService(nc, svcConfig(), one)
		if !errors.Is(err, nats.ErrConnectionDraining) || !strings.Contains(err.Error(), `endpoint "svc-echo"`) {
			t.Errorf("NewService = %v, want ErrConnectionDraining about the endpoint", err)
		}
	})
}

// svcLateServer is a server that is out of reach at first.
type svcLateServer struct {
	*natstest.Server
	up atomic.Bool
}

func (s *svcLateServer) InProcessConn() (net.Conn, error) {
	if !s.up.Load() {
		return nil, errors.New("not yet")
	}
	return s.Server.InProcessConn()
}

func TestServiceMayStartBeforeTheConnectionIsThere(t *testing.T) {
	t.Parallel()
	srv := &svcLateServer{Server: natstest.Run(t)}
	connected := make(chan struct{})
	nc, err := nats.Connect("", nats.InProcessServer(srv), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(time.Millisecond), nats.ConnectHandler(func(*nats.Conn) { close(connected) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	s := svcStart(t, nc, svcConfig(), svcEcho.Handle(svcReflect))
	srv.up.Store(true)
	svcAwait(t, connected, "the connection")
	caller, ctx := srv.Connect(t), svcContext(t)
	if err := s.AddEndpoints(svcEcho.InSubject("added").Handle(svcReflect)); err != nil { // the server knows both now
		t.Fatal(err)
	}
	for _, e := range []typednats.Endpoint[svcText, svcText, svcMissing]{svcEcho, svcEcho.InSubject("added")} {
		if _, err := typednats.RequestService(ctx, caller, e, svcText{}); err != nil {
			t.Errorf("call %q: %v", e.Subject(), err)
		}
	}
}

// svcKeepDraining begins to drain the connection, which takes until the function that it returns is called.
func svcKeepDraining(t *testing.T, nc *nats.Conn) (release func()) {
	t.Helper()
	busy, open := make(chan struct{}), make(chan struct{})
	sub, err := nc.Subscribe(nc.NewInbox(), func(*nats.Msg) {
		close(busy)
		<-open
	})
	if err != nil {
		t.Fatalf("subscribe: %v", err)
	}
	if err := nc.Publish(sub.Subject, nil); err != nil {
		t.Fatalf("publish: %v", err)
	}
	svcAwait(t, busy, "the subscription to be busy")
	if err := nc.Drain(); err != nil {
		t.Fatalf("drain: %v", err)
	}
	return func() { close(open) }
}

// svcDenying starts a server that refuses subscriptions to the given subjects.
func svcDenying(t *testing.T, denied ...string) *nats.Conn {
	t.Helper()
	srv := natstest.Run(t, func(o *server.Options) {
		o.Users = []*server.User{{
			Username: "u", Password: "p",
			Permissions: &server.Permissions{Subscribe: &server.SubjectPermission{Deny: denied}},
		}}
	})
	quiet := nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
	return srv.Connect(t, nats.UserInfo("u", "p"), quiet)
}

func TestNewServiceNamesTheEndpointThatTheServerRefuses(t *testing.T) {
	t.Parallel()
	for _, denied := range []string{"svc-denied", "$SRV.PING", "$SRV.STATS.svc"} {
		t.Run(denied, func(t *testing.T) {
			t.Parallel()
			nc := svcDenying(t, denied)
			before := nc.NumSubscriptions()
			s, err := typednats.NewService(nc, svcConfig(),
				svcEcho.Handle(svcReflect),
				svcEcho.InSubject("svc-denied").Handle(svcReflect, typednats.WithMaxConcurrent(1)),
				svcEcho.InSubject("third").Handle(svcReflect),
			)
			if s != nil || !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), denied) {
				t.Fatalf("NewService = %v, %v, want ErrPermissionViolation about %q", s, err, denied)
			}
			if denied == "svc-denied" && !strings.Contains(err.Error(), `endpoint "svc-echo"`) {
				t.Errorf("the error does not name the endpoint: %v", err)
			}
			if got := nc.NumSubscriptions(); got != before {
				t.Errorf("%d subscriptions are left, want %d", got, before)
			}
			svcNobodyServes(t, nc, "svc-echo")
		})
	}
}

func TestAddEndpointsUndoesWhatTheServerRefuses(t *testing.T) {
	t.Parallel()
	nc := svcDenying(t, "svc-denied")
	s := svcStart(t, nc, svcConfig(), svcEcho.Handle(svcReflect))
	before := nc.NumSubscriptions()
	err := s.AddEndpoints(
		svcEcho.InSubject("fine").Handle(svcReflect),
		svcEcho.InSubject("svc-denied").Handle(svcReflect),
	)
	if !errors.Is(err, nats.ErrPermissionViolation) || !strings.Contains(err.Error(), `"svc-denied"`) {
		t.Errorf("AddEndpoints = %v, want ErrPermissionViolation about svc-denied", err)
	}
	if got := nc.NumSubscriptions(); got != before {
		t.Errorf("%d subscriptions are left, want %d", got, before)
	}
	if n := len(s.Info().Endpoints); n != 1 {
		t.Errorf("%d endpoints, want 1", n)
	}
	if err := s.AddEndpoints(svcEcho.InSubject("fine").Handle(svcReflect)); err != nil {
		t.Errorf("AddEndpoints after a refusal: %v", err)
	}
	if _, err := typednats.RequestService(svcContext(t), nc, svcEcho.InSubject("fine"), svcText{}); err != nil {
		t.Errorf("call what was added: %v", err)
	}
}

// svcNobodyServes fails the test if the server has a subscriber for the subject.
func svcNobodyServes(t *testing.T, nc *nats.Conn, subject string) {
	t.Helper()
	if _, err := nc.RequestWithContext(svcContext(t), subject, nil); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("request %q = %v, want ErrNoResponders", subject, err)
	}
}
