package typednats_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

// neighbour is what a service warns of.
type neighbour struct {
	Level   string `json:"level"`
	Msg     string `json:"msg"`
	Service string `json:"service"`
	Subject string `json:"subject"`
	Group   string `json:"queue_group"`
	Other   string `json:"other_service"`
	Theirs  string `json:"other_subject"`
}

// warnings starts a service of three endpoints on nc, waits until it has asked who else is there, and returns what it warned of.
func warnings(t *testing.T, nc, peer *nats.Conn, changes ...func(*typednats.ServiceConfig)) []neighbour {
	t.Helper()
	var log logged
	questions := tap(t, peer, "$SRV.INFO")
	s := start(t, nc, config(append(changes, func(c *typednats.ServiceConfig) {
		c.Name, c.Logger = "own", slog.New(slog.NewJSONHandler(&log, nil))
		if c.AskNeighbours == typednats.AskNever { // that of other tests
			c.AskNeighbours = typednats.AskWithoutLogin
		}
	})...),
		echo.InSubject("check").Handle(repeat),
		echo.InSubject("orders.*").WithQueueGroup("group").Handle(repeat),
		echo.InSubject("all").WithoutQueueGroup().Handle(repeat))
	question, err := questions.NextMsgWithContext(within(t))
	if err != nil {
		t.Fatalf("the service has not asked: %v", err)
	}
	eventually(t, "the service to have asked", func() bool {
		_, err := peer.Request(question.Reply, nil, 10*time.Millisecond) // nobody answers there
		return errors.Is(err, nats.ErrNoResponders)
	})
	mustStop(t, s)
	var all []neighbour
	for _, line := range log.taken() {
		var n neighbour
		if err := json.Unmarshal([]byte(line), &n); err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

// Two services on one subject and queue group got half of each other's requests, and nobody said so.
func TestServiceWarnsOfNeighbours(t *testing.T) {
	t.Parallel()
	const takes = "typednats: another service takes requests of this one"
	for name, test := range map[string]struct {
		service string
		other   typednats.BoundEndpoint
		want    []neighbour
	}{
		"the same subject": {"other", echo.InSubject("check").Handle(repeat),
			[]neighbour{{"WARN", takes, "own", "check", "q", "other", "check"}}},
		"an overlapping subject": {"other", echo.InSubject("orders.status").WithQueueGroup("group").Handle(repeat),
			[]neighbour{{"WARN", takes, "own", "orders.*", "group", "other", "orders.status"}}},
		"no queue group": {"other", echo.InSubject("all").WithoutQueueGroup().Handle(repeat),
			[]neighbour{{"WARN", takes, "own", "all", "", "other", "all"}}},
		"another queue group": {"other", echo.InSubject("orders.status").Handle(repeat), nil},
		"another subject":     {"other", echo.InSubject("check.more").Handle(repeat), nil},
		"another instance":    {"own", echo.InSubject("check").Handle(repeat), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			peer := srv.Connect(t)
			for range 2 { // instances, of which it warns once
				start(t, peer, config(func(c *typednats.ServiceConfig) { c.Name = test.service }), test.other)
			}
			compare(t, "warnings", test.want, warnings(t, srv.Connect(t), peer))
		})
	}
}

func TestServiceWarnsOfServicesOfOtherLibraries(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	peer := srv.Connect(t)
	other, err := micro.AddService(peer, micro.Config{Name: "micro", Version: "1.0.0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Stop() })
	if err := other.AddEndpoint("check", micro.HandlerFunc(func(micro.Request) {})); err != nil {
		t.Fatal(err)
	}
	if got := warnings(t, srv.Connect(t), peer); len(got) != 1 || got[0].Other != "micro" {
		t.Errorf("warnings %+v, want one of micro", got)
	}
}

// With a login the user may not be allowed to ask.
func TestServiceAsksWithALoginIfItIsTold(t *testing.T) {
	t.Parallel()
	srv := newGuarded(t, server.Permissions{})
	peer := srv.all(t)
	start(t, peer, config(func(c *typednats.ServiceConfig) { c.Name = "other" }), echo.InSubject("check").Handle(repeat))
	told := func(c *typednats.ServiceConfig) { c.AskNeighbours = typednats.AskAlways }
	if got := warnings(t, srv.less(t), peer, told); len(got) != 1 {
		t.Errorf("warnings %+v, want one", got)
	}

	silent := newGuarded(t, server.Permissions{})
	questions := tap(t, silent.all(t), "$SRV.>")
	byDefault := func(c *typednats.ServiceConfig) { c.AskNeighbours = typednats.AskWithoutLogin }
	s := start(t, silent.less(t), config(byDefault), echo.Handle(repeat))
	if err := s.Ready(within(t)); err != nil {
		t.Error(err)
	}
	mustStop(t, s) // it waits for what asks
	if n, _, _ := questions.Pending(); n > 0 {
		t.Errorf("the service has asked %d questions", n)
	}
}

func TestServiceThatDoesNotAsk(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*typednats.ServiceConfig){
		"hidden": func(c *typednats.ServiceConfig) { c.DiscoveryDisabled, c.AskNeighbours = true, typednats.AskAlways },
		"never":  func(c *typednats.ServiceConfig) { c.AskNeighbours = typednats.AskNever },
	} {
		srv := typednatstest.Run(t)
		peer := srv.Connect(t)
		questions := tap(t, peer, "$SRV.>")
		mustStop(t, start(t, srv.Connect(t), config(set), echo.Handle(repeat)))
		if err := peer.FlushTimeout(patience); err != nil {
			t.Error(err)
		}
		if n, _, _ := questions.Pending(); n > 0 {
			t.Errorf("%s: the service has asked %d questions", name, n)
		}
	}
}
