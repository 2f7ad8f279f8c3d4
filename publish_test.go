package typednats_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	jsoncodec "github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/typednatstest"
)

// contractSubject is where one instance is asked for a document.
func contractSubject(s *typednats.Service, digest string) string {
	return "_TYPEDNATS.CONTRACT." + s.Name() + "." + s.ID() + "." + digest
}

func TestContractsAreHandedOut(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t)
	nc := srv.Connect(t)
	both := echo.InSubject("both").WithCodec(jsoncodec.Codec, msgpack.Codec)
	s := start(t, nc, config(), echo.Handle(repeat), both.Handle(repeat))
	start(t, nc, config(), echo.Handle(repeat)) // another instance does not answer
	raw := newRawClient(t, srv.Connect(t))
	for i, e := range s.Info().Endpoints {
		want := describedContract(t, []typednats.Descriptor{echo, both}[i])
		compare(t, "digest", want.Digest(), e.Metadata["typednats.contract"])
		raw.send("document", contractSubject(s, want.Digest()), "")
		_, failure, msg := raw.next()
		if failure != "" || !bytes.Equal(msg.Data, want.Bytes()) || len(msg.Header) > 0 {
			t.Errorf("%q, %v, %s\nwant %s", failure, msg.Header, msg.Data, want.Bytes())
		}
		raw.silent()
	}
	compare(t, "what JSON alone accepts", "", s.Info().Endpoints[0].Metadata["typednats.accepts"])
	compare(t, "what both accept", "application/json, application/msgpack", s.Info().Endpoints[1].Metadata["typednats.accepts"])
	for _, digest := range []string{"x", describedContract(t, echo.Idempotent()).Digest()} {
		raw.send("unknown", contractSubject(s, digest), "")
		if _, failure, msg := raw.next(); failure != "404:no endpoint has a contract with this digest" || len(msg.Data) > 0 {
			t.Errorf("an unknown digest: %q, %s", failure, msg.Data)
		}
	}
	if err := s.RemoveEndpoint(within(t), "both"); err != nil {
		t.Fatal(err)
	}
	raw.send("removed", contractSubject(s, describedContract(t, both).Digest()), "")
	if _, failure, _ := raw.next(); !strings.HasPrefix(failure, "404:") {
		t.Errorf("an endpoint that was removed: %q", failure)
	}
	mustStop(t, s)
	nobodyServes(t, nc, contractSubject(s, describedContract(t, echo).Digest()))
}

func TestContractsCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*typednats.ServiceConfig){
		"contracts": func(c *typednats.ServiceConfig) { c.ContractsDisabled = true },
		"discovery": func(c *typednats.ServiceConfig) { c.DiscoveryDisabled = true },
	} {
		nc := typednatstest.Server(t)
		s := start(t, nc, config(change), echo.Handle(repeat))
		compare(t, name+": metadata", map[string]string{}, s.Info().Endpoints[0].Metadata)
		nobodyServes(t, nc, contractSubject(s, describedContract(t, echo).Digest()))
	}
}

// TestContractsWithoutPermission: the service starts, and its owner is told.
func TestContractsWithoutPermission(t *testing.T) {
	t.Parallel()
	srv := newGuarded(t, denySubscribe("_TYPEDNATS.CONTRACT.>"))
	reports := make(reportLog, 10)
	always := func(c *typednats.ServiceConfig) { c.ContractsAlways = true }
	s := start(t, srv.less(t), config(reports.config, always), echo.Handle(repeat))
	report := await(t, reports, "a report")
	if report.Subject != contractSubject(s, "*") || !errors.Is(report.Err, nats.ErrPermissionViolation) {
		t.Errorf("reported %+v", report)
	}
	if err := s.Ready(within(t)); err != nil {
		t.Errorf("the service is ready without: %v", err)
	}
	nc := srv.all(t)
	if _, err := typednats.RequestService(within(t), nc, echo, note{"a"}); err != nil {
		t.Error(err)
	}
	compare(t, "digest", describedContract(t, echo).Digest(), s.Info().Endpoints[0].Metadata["typednats.contract"])
	nobodyServes(t, nc, contractSubject(s, describedContract(t, echo).Digest()))
	mustStop(t, s)
	if len(reports) > 0 {
		t.Errorf("reported %+v", <-reports)
	}
}

// TestContractsBehindALogin: a service that was not told that it may does not ask, so that nothing is refused.
func TestContractsBehindALogin(t *testing.T) {
	t.Parallel()
	srv := newGuarded(t, denySubscribe("_TYPEDNATS.CONTRACT.>"))
	refused := make(chan error, 10)
	nc := srv.Connect(t, nats.UserInfo("less", "less"), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		refused <- err
	}))
	s := start(t, nc, config(), echo.Handle(repeat))
	compare(t, "digest", describedContract(t, echo).Digest(), s.Info().Endpoints[0].Metadata["typednats.contract"])
	if err := s.Ready(within(t)); err != nil {
		t.Error(err)
	}
	if len(refused) > 0 {
		t.Errorf("refused: %v", <-refused)
	}
	digest, all := describedContract(t, echo).Digest(), srv.all(t)
	nobodyServes(t, all, contractSubject(s, digest))
	asked := start(t, all, config(func(c *typednats.ServiceConfig) { c.ContractsAlways = true }), echo.Handle(repeat))
	if _, err := all.RequestWithContext(within(t), contractSubject(asked, digest), nil); err != nil {
		t.Errorf("a service that was told to hand out contracts does not: %v", err)
	}
	_, err := typednats.NewService(all, config(func(c *typednats.ServiceConfig) { c.ContractsAlways, c.ContractsDisabled = true, true }))
	if !errors.Is(err, typednats.ErrInvalidConfig) {
		t.Errorf("NewService with both = %v", err)
	}
}

// TestContractsLeaveInfoWhenItIsFull: endpoints of which there are too many for the digests are served and found.
func TestContractsLeaveInfoWhenItIsFull(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t, func(o *server.Options) { o.MaxPayload = 8 << 10 })
	var bound []typednats.BoundEndpoint
	for i := range 27 {
		bound = append(bound, echo.InSubject(fmt.Sprintf("e%d", i)).WithMetadata("k", strings.Repeat("x", 200)).Handle(repeat))
	}
	s := start(t, srv.Connect(t), config(), bound...)
	raw := newRawClient(t, srv.Connect(t))
	raw.send("x", "$SRV.INFO", "")
	_, failure, msg := raw.next()
	var info micro.Info
	if err := json.Unmarshal(msg.Data, &info); failure != "" || err != nil || len(info.Endpoints) != len(bound) {
		t.Fatalf("%q, %v, %d endpoints", failure, err, len(info.Endpoints))
	}
	full, err := json.Marshal(s.Info())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range info.Endpoints {
		if _, there := e.Metadata["typednats.contract"]; there != (len(full) <= 8<<10) || e.Metadata["k"] == "" {
			t.Errorf("%s: %v, in full %d bytes", e.Subject, e.Metadata, len(full))
		}
	}
	if len(full) <= 8<<10 {
		t.Errorf("it fits: %d bytes", len(full))
	}
}

func nothingSpoiled(context.Context, note) ([]spoiled, error) { return nil, nil }

// lineWriter hands on what is logged.
type lineWriter chan string

func (w lineWriter) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}

// TestContractThatCannotBeMade: the endpoint is served, and the log says why it has no document.
func TestContractThatCannotBeMade(t *testing.T) {
	t.Parallel()
	lines := make(chan string, 10)
	nc := typednatstest.Server(t)
	e := typednats.NewEndpoint[note, []spoiled, typednats.Never]("spoiled")
	s := start(t, nc, config(func(c *typednats.ServiceConfig) { c.Logger = slog.New(slog.NewTextHandler(lineWriter(lines), nil)) }),
		e.Handle(nothingSpoiled))
	if line := await(t, lines, "a line"); !strings.Contains(line, "level=WARN") || !strings.Contains(line, "tag enum") {
		t.Errorf("logged %s", line)
	}
	if _, err := typednats.RequestService(within(t), nc, e, note{}); err != nil {
		t.Error(err)
	}
	compare(t, "metadata", map[string]string{}, s.Info().Endpoints[0].Metadata)
	if _, err := nc.RequestWithContext(within(t), contractSubject(s, "x"), nil); err != nil {
		t.Error(err)
	}
}
