package typednats_test

import (
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/typednatstest"
)

func TestGroupIsAValue(t *testing.T) {
	t.Parallel()
	e := contractStock()
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

// TestQueueGroupPrecedence reads from $SRV.INFO who decides: the endpoint, else its group, else the service.
func TestQueueGroupPrecedence(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	e := contractStock()
	g := typednats.NewGroup("api")
	standard := typednats.ServiceConfig{}
	named := typednats.ServiceConfig{QueueGroup: "service"}
	off := typednats.ServiceConfig{QueueGroupDisabled: true}
	for _, tt := range []struct {
		name string
		cfg  typednats.ServiceConfig
		e    typednats.Endpoint[contractIn, contractOut, contractError]
		want string
	}{
		{"default", standard, e, "q"},
		{"service", named, e, "service"},
		{"service off", off, e, ""},
		{"silent group", standard, e.InGroup(g), "q"},
		{"silent group, service", named, e.InGroup(g), "service"},
		{"silent group, service off", off, e.InGroup(g), ""},
		{"group over service", named, e.InGroup(g.WithQueueGroup("group")), "group"},
		{"group over service off", off, e.InGroup(g.WithQueueGroup("group")), "group"},
		{"group off over service", named, e.InGroup(g.WithoutQueueGroup()), ""},
		{"nested group inherits", named, e.InGroup(g.WithQueueGroup("group").Group("v1")), "group"},
		{"nested group inherits off", named, e.InGroup(g.WithoutQueueGroup().Group("v1")), ""},
		{"nested group over its parent", named, e.InGroup(g.WithoutQueueGroup().Group("v1").WithQueueGroup("inner")), "inner"},
		{"nested group off over its parent", named, e.InGroup(g.WithQueueGroup("group").Group("v1").WithoutQueueGroup()), ""},
		{"group off and on", named, e.InGroup(g.WithoutQueueGroup().WithQueueGroup("again")), "again"},
		{"group on and off", named, e.InGroup(g.WithQueueGroup("group").WithoutQueueGroup()), ""},
		{"endpoint over service", named, e.WithQueueGroup("own"), "own"},
		{"endpoint over service off", off, e.WithQueueGroup("own"), "own"},
		{"endpoint off over service", named, e.WithoutQueueGroup(), ""},
		{"endpoint over group", named, e.WithQueueGroup("own").InGroup(g.WithQueueGroup("group")), "own"},
		{"endpoint over group off", named, e.InGroup(g.WithoutQueueGroup()).WithQueueGroup("own"), "own"},
		{"endpoint off over group", named, e.WithoutQueueGroup().InGroup(g.WithQueueGroup("group")), ""},
		{"endpoint off and on", off, e.WithoutQueueGroup().WithQueueGroup("own"), "own"},
		{"endpoint on and off", named, e.WithQueueGroup("own").WithoutQueueGroup(), ""},
		{"the last group counts", named, e.InGroup(g.WithQueueGroup("group")).InGroup(g), "service"},
		{"the name of the default", off, e.WithQueueGroup("q"), "q"},
	} {
		cfg := tt.cfg
		cfg.Name, cfg.Version, cfg.Logger = "inventory", "1.0.0", slog.New(slog.DiscardHandler)
		svc, err := typednats.NewService(nc, cfg, contractBind(tt.e, nil))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, svc.Info().Endpoints[0].QueueGroup); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		contractStop(t, svc)
	}
}
