package typednats_test

import (
	"context"
	"slices"
	"testing"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

func TestGroupIsAValue(t *testing.T) {
	t.Parallel()
	e := stockCheck
	base := typednats.NewGroup("api")
	a, b := base.Group("v1"), base.Group("v2").WithQueueGroup("q2")
	inside := e.InGroup(base)
	_ = base.WithoutQueueGroup()
	for _, tt := range []struct {
		g    typednats.Group
		want string
	}{
		{base, "api.stock-check"},
		{a, "api.v1.stock-check"},
		{b, "api.v2.stock-check"},
		{a.Group("eu"), "api.v1.eu.stock-check"},
		{b.Group("eu.west"), "api.v2.eu.west.stock-check"},
		{typednats.NewGroup("api.v1").Group("eu.west"), "api.v1.eu.west.stock-check"},
	} {
		if got := e.InGroup(tt.g).Subject(); got != tt.want {
			t.Errorf("Subject() = %q, want %q", got, tt.want)
		}
	}
	if got := inside.Subject(); got != "api.stock-check" {
		t.Errorf("Subject() = %q, want api.stock-check", got)
	}
	if base != typednats.NewGroup("api") {
		t.Error("a method changed the group it was called on")
	}
}

// The endpoint decides, else its group, else the service.
func TestQueueGroupComesFromTheNearestLevel(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	e, g := stockCheck, typednats.NewGroup("api")
	standard := func(*typednats.ServiceConfig) {}
	named := func(c *typednats.ServiceConfig) { c.QueueGroup = "service" }
	off := func(c *typednats.ServiceConfig) { c.QueueGroupDisabled = true }
	for _, tt := range []struct {
		name    string
		service func(*typednats.ServiceConfig)
		e       stockEndpoint
		want    string
	}{
		{"default", standard, e, "q"},
		{"service", named, e, "service"},
		{"service off", off, e, ""},
		{"silent group", standard, e.InGroup(g), "q"},
		{"silent group, service", named, e.InGroup(g), "service"},
		{"silent group, service off", off, e.InGroup(g), ""},
		{"group over service", named, e.InGroup(g.WithQueueGroup("group")), "group"},
		{"group over default", standard, e.InGroup(g.WithQueueGroup("group")), "group"},
		{"group over service off", off, e.InGroup(g.WithQueueGroup("group")), "group"},
		{"group off over service", named, e.InGroup(g.WithoutQueueGroup()), ""},
		{"group off over default", standard, e.InGroup(g.WithoutQueueGroup()), ""},
		{"group off over service off", off, e.InGroup(g.WithoutQueueGroup()), ""},
		{"nested group inherits", named, e.InGroup(g.WithQueueGroup("group").Group("v1")), "group"},
		{"nested group inherits over default", standard, e.InGroup(g.WithQueueGroup("group").Group("v1")), "group"},
		{"nested group inherits over service off", off, e.InGroup(g.WithQueueGroup("group").Group("v1")), "group"},
		{"nested group inherits off", named, e.InGroup(g.WithoutQueueGroup().Group("v1")), ""},
		{"nested group over its parent", named, e.InGroup(g.WithoutQueueGroup().Group("v1").WithQueueGroup("inner")), "inner"},
		{"nested group off over its parent", named, e.InGroup(g.WithQueueGroup("group").Group("v1").WithoutQueueGroup()), ""},
		{"group off and on", named, e.InGroup(g.WithoutQueueGroup().WithQueueGroup("again")), "again"},
		{"group on and off", named, e.InGroup(g.WithQueueGroup("group").WithoutQueueGroup()), ""},
		{"endpoint over service", named, e.WithQueueGroup("own"), "own"},
		{"endpoint over service off", off, e.WithQueueGroup("own"), "own"},
		{"endpoint off over service", named, e.WithoutQueueGroup(), ""},
		{"endpoint over group", named, e.WithQueueGroup("own").InGroup(g.WithQueueGroup("group")), "own"},
		{"endpoint over group and default", standard, e.InGroup(g.WithQueueGroup("group")).WithQueueGroup("own"), "own"},
		{"endpoint over group and service off", off, e.InGroup(g.WithQueueGroup("group")).WithQueueGroup("own"), "own"},
		{"endpoint over group off", named, e.InGroup(g.WithoutQueueGroup()).WithQueueGroup("own"), "own"},
		{"endpoint off over group", named, e.WithoutQueueGroup().InGroup(g.WithQueueGroup("group")), ""},
		{"endpoint off over group and default", standard, e.InGroup(g.WithQueueGroup("group")).WithoutQueueGroup(), ""},
		{"endpoint off over group and service off", off, e.InGroup(g.WithQueueGroup("group")).WithoutQueueGroup(), ""},
		{"endpoint off and on", off, e.WithoutQueueGroup().WithQueueGroup("own"), "own"},
		{"endpoint on and off", named, e.WithQueueGroup("own").WithoutQueueGroup(), ""},
		{"the last group counts", named, e.InGroup(g.WithQueueGroup("group")).InGroup(g), "service"},
		{"the name of the default", off, e.WithQueueGroup("q"), "q"},
	} {
		s := start(t, nc, config(tt.service), bindStock(tt.e, nil))
		compare(t, tt.name+": INFO", tt.want, s.Info().Endpoints[0].QueueGroup)
		compare(t, tt.name+": STATS", tt.want, s.Stats().Endpoints[0].QueueGroup)
		mustStop(t, s)
	}
}

// What $SRV shows is also what the server does: a request reaches each member of no group, and one of each group.
func TestRequestReachesOneMemberOfEachQueueGroup(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	e := echo.InGroup(typednats.NewGroup("g").WithQueueGroup("group"))
	handled := make(chan string, 16)
	var services []*typednats.Service
	serve := func(who string, e typednats.Endpoint[note, note, missing], changes ...func(*typednats.ServiceConfig)) {
		services = append(services, start(t, nc, config(changes...), e.Handle(func(_ context.Context, in note) (note, error) {
			handled <- who
			return in, nil
		})))
	}
	for range 2 {
		serve("group", e)
		serve("own", e.WithQueueGroup("own"))
		serve("none", e.WithoutQueueGroup())
		serve("service", echo.InSubject("g.echo"), func(c *typednats.ServiceConfig) { c.QueueGroup = "service" })
		serve("no service", echo.InSubject("g.echo"), func(c *typednats.ServiceConfig) { c.QueueGroupDisabled = true })
	}
	if err := nc.Publish("g.echo", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	for _, s := range services {
		mustStop(t, s)
	}
	close(handled)
	var got []string
	for who := range handled {
		got = append(got, who)
	}
	slices.Sort(got)
	compare(t, "handlers", []string{"group", "no service", "no service", "none", "none", "own", "service"},
		got)
}
