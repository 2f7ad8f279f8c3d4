package typednats_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

// awaitReports waits until the owner was told that the subscriptions to these subjects are refused.
func awaitReports(t *testing.T, reports reportLog, subjects ...string) {
	t.Helper()
	missing := make(map[string]bool)
	for _, s := range subjects {
		missing[s] = true
	}
	for len(missing) > 0 {
		r := await(t, reports, "reports about "+strings.Join(subjects, ", "))
		if !missing[r.Subject] || !errors.Is(r.Err, nats.ErrPermissionViolation) {
			t.Fatalf("report %+v, want one about the refusal of each of %q", r, subjects)
		}
		if isOfService := strings.HasPrefix(r.Subject, "$SRV"); isOfService != (r.Endpoint == "") {
			t.Errorf("report %+v names the endpoint %q", r, r.Endpoint)
		}
		delete(missing, r.Subject)
	}
}

// notReady fails the test unless the service says of each of the subjects that it is refused.
func notReady(t *testing.T, s *typednats.Service, subjects ...string) {
	t.Helper()
	err := s.Ready(within(t))
	if !errors.Is(err, nats.ErrPermissionViolation) {
		t.Fatalf("Ready = %v, want ErrPermissionViolation", err)
	}
	for _, subject := range subjects {
		if !strings.Contains(err.Error(), `to "`+subject+`"`) {
			t.Errorf("Ready = %v, want it to name %q", err, subject)
		}
	}
}

// A service whose subscriptions were revoked was deaf without knowing it.
func TestServiceNoticesRevokedSubscriptions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		deny []string
		want []string // the subjects that are refused
		left int      // endpoints that INFO shows
	}{
		"one":                {[]string{"a"}, []string{"a"}, 3},
		"of a queue group":   {[]string{"b group"}, []string{"b"}, 3},
		"a wildcard":         {[]string{"c.*"}, []string{"c.*"}, 3},
		"without a group":    {[]string{"d"}, []string{"d"}, 3},
		"several":            {[]string{"a", "b", "d"}, []string{"a", "b", "d"}, 1},
		"all":                {[]string{"a", "b", "c.>", "d"}, []string{"a", "b", "c.*", "d"}, 0},
		"with cancellations": {[]string{"a", "_TYPEDNATS.>"}, []string{"a"}, 3},
		"a question":         {[]string{"$SRV.PING"}, []string{"$SRV.PING"}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newGuarded(t, denySubscribe("other"))
			nc, peer, ctx := srv.less(t), srv.all(t), within(t)
			reports := make(reportLog, 100)
			a := echo.InSubject("a")
			s := start(t, nc, config(reports.config), a.Handle(repeat),
				echo.InSubject("b").WithQueueGroup("group").Handle(repeat),
				echo.InSubject("c.*").Handle(repeat),
				echo.InSubject("d").WithoutQueueGroup().Handle(repeat))
			if err := s.Ready(ctx); err != nil {
				t.Fatalf("Ready = %v before", err)
			}
			srv.allow(t, denySubscribe(test.deny...))
			awaitReports(t, reports, test.want...)
			notReady(t, s, test.want...)
			compare(t, "endpoints that INFO shows", test.left, len(s.Info().Endpoints))
			compare(t, "endpoints that STATS shows", 4, len(s.Stats().Endpoints))

			srv.allow(t, denySubscribe("other"))
			if err := nc.ForceReconnect(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the service to be ready again", func() bool { return s.Ready(ctx) == nil })
			compare(t, "endpoints that INFO shows again", 4, len(s.Info().Endpoints))
			if _, err := typednats.RequestService(ctx, peer, a, note{}); err != nil {
				t.Errorf("call: %v", err)
			}
			mustStop(t, s)
			select {
			case r := <-reports:
				t.Errorf("another report: %+v", r)
			default:
			}
		})
	}
}

// What is refused on a new connection is reported as well, and once.
func TestServiceNoticesWhatANewConnectionRefuses(t *testing.T) {
	t.Parallel()
	srv := newGuarded(t, denySubscribe("other"))
	nc, ctx := srv.less(t), within(t)
	reports := make(reportLog, 100)
	s := start(t, nc, config(reports.config), echo.InSubject("a").Handle(repeat), echo.InSubject("b").Handle(repeat))
	srv.allow(t, denySubscribe("a"))
	awaitReports(t, reports, "a")
	srv.allow(t, denySubscribe("a", "b"))
	awaitReports(t, reports, "b")
	if err := nc.ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the connection to be back", func() bool { return nc.IsConnected() && nc.Stats().Reconnects > 0 })
	eventually(t, "the service to know", func() bool {
		err := s.Ready(ctx)
		return errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), `"a"`) && strings.Contains(err.Error(), `"b"`)
	})
	mustStop(t, s)
	select {
	case r := <-reports:
		t.Errorf("another report: %+v", r)
	default:
	}
}

// The server would refuse each of the subscriptions beside the endpoint's own whenever the connection is made anew.
func TestRefusedEndpointKeepsNoOtherSubscriptions(t *testing.T) {
	t.Parallel()
	srv := newGuarded(t, denySubscribe("other"))
	nc := srv.less(t)
	bare := start(t, nc, config())
	own := nc.NumSubscriptions()
	mustStop(t, bare)
	reports := make(reportLog, 100)
	start(t, nc, config(reports.config), echo.Handle(repeat))
	if beside := nc.NumSubscriptions() - own - 2; beside < 1 {
		t.Fatalf("%d subscriptions beside those to requests and cancellations", beside)
	}
	srv.allow(t, denySubscribe("echo"))
	awaitReports(t, reports, "echo")
	eventually(t, "the others to end", func() bool { return nc.NumSubscriptions() == own+2 })
}

// The ErrorHandler that hears of a refusal may stop the service.
func TestErrorHandlerStopsADeafService(t *testing.T) {
	t.Parallel()
	srv := newGuarded(t, denySubscribe("other"))
	services := make(chan *typednats.Service, 1)
	cfg := config(func(c *typednats.ServiceConfig) {
		c.ErrorHandler = func(typednats.ErrorReport) { _ = (<-services).Stop(context.Background()) }
	})
	s := start(t, srv.less(t), cfg, echo.Handle(repeat))
	services <- s
	srv.allow(t, denySubscribe("echo"))
	await(t, s.Done(), "Done")
}

func TestReadySaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	srv := newGuarded(t, server.Permissions{})
	nc := srv.all(t)
	s := start(t, nc, config(), echo.Handle(repeat))
	if err := s.Ready(within(t)); err != nil {
		t.Errorf("Ready = %v", err)
	}
	if err := s.Ready(cancelled(within(t))); !errors.Is(err, context.Canceled) {
		t.Errorf("Ready without time = %v, want Canceled", err)
	}
	release := keepDraining(t, nc)
	if err := s.Ready(within(t)); !errors.Is(err, nats.ErrConnectionDraining) && !errors.Is(err, typednats.ErrServiceStopped) {
		t.Errorf("Ready while the connection drains = %v", err)
	}
	release()
	await(t, s.Done(), "Done")
	if err := s.Ready(within(t)); !errors.Is(err, typednats.ErrServiceStopped) {
		t.Errorf("Ready of a stopped service = %v, want ErrServiceStopped", err)
	}
}

// A refusal at the start is found although a later error took its place.
func TestStartNamesEachSubscriptionThatIsRefused(t *testing.T) {
	t.Parallel()
	srv := newGuarded(t, denySubscribe("a", "c"))
	s, err := typednats.NewService(srv.less(t), config(),
		echo.InSubject("a").Handle(repeat), echo.InSubject("b").Handle(repeat), echo.InSubject("c").Handle(repeat))
	if s != nil || !errors.Is(err, nats.ErrPermissionViolation) ||
		!strings.Contains(err.Error(), `to "a"`) || !strings.Contains(err.Error(), `to "c"`) {
		t.Errorf("NewService = %v, %v, want ErrPermissionViolation that names both", s, err)
	}
}
