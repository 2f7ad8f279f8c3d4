package typednats_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/typednatstest"
)

var (
	take    = typednats.NewEndpoint[note, note, missing]("take").InGroup(typednats.NewGroup("store"))
	put     = typednats.NewEndpoint[note, note, missing]("put").InGroup(typednats.NewGroup("store"))
	oldTake = take.InSubject("fetch")
	store   = typednats.NewServiceContract("store", take, oldTake, put)
)

func storeConfig(changes ...func(*typednats.ServiceConfig)) typednats.ServiceConfig {
	return config(append([]func(*typednats.ServiceConfig){func(c *typednats.ServiceConfig) { c.Name, c.Contract = "", store }}, changes...)...)
}

// TestServiceContractIsServed: one handler serves an endpoint under two subjects.
func TestServiceContractIsServed(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	s := start(t, nc, storeConfig(), take.Handle(repeat), oldTake.Handle(repeat), put.Handle(repeat))
	compare(t, "name", "store", s.Name())
	for _, e := range []typednats.Endpoint[note, note, missing]{take, oldTake, put} {
		if out, err := typednats.RequestService(within(t), nc, e, note{"a"}); err != nil || out.Text != "a" {
			t.Errorf("%s: %v, %v", e.Subject(), out, err)
		}
	}
	if _, err := nc.RequestWithContext(within(t), "store.fetch", []byte(`{}`)); err != nil {
		t.Error(err)
	}
}

// TestServiceContractIsKept has all that differs between a contract and a service.
func TestServiceContractIsKept(t *testing.T) {
	t.Parallel()
	other := typednats.NewEndpoint[note, note, missing]("other")
	copied := typednats.NewEndpoint[note, note, missing]("put").InGroup(typednats.NewGroup("store"))
	retyped := typednats.NewEndpoint[note, order, missing]("put").InGroup(typednats.NewGroup("store"))
	never := func(context.Context, note) (order, error) { return order{}, nil }
	bound := func(more ...typednats.BoundEndpoint) []typednats.BoundEndpoint {
		return append([]typednats.BoundEndpoint{take.Handle(repeat), oldTake.Handle(repeat)}, more...)
	}
	for _, tt := range []struct {
		name   string
		config typednats.ServiceConfig
		bound  []typednats.BoundEndpoint
		want   []string
	}{
		{"all bound", storeConfig(), bound(put.Handle(repeat)), nil},
		{"a descriptor that says the same", storeConfig(), bound(copied.Handle(repeat)), nil},
		{"words more", storeConfig(), bound(put.WithDescription("puts").WithMetadata("a", "b").Handle(repeat)), nil},
		{"nothing bound", storeConfig(), nil, []string{
			`endpoint "take": no handler is bound to it, on "store.take"`,
			`endpoint "take": no handler is bound to it, on "store.fetch"`,
			`endpoint "put": no handler is bound to it, on "store.put"`,
		}},
		{"one more, one less", storeConfig(), bound(other.Handle(repeat)), []string{
			`endpoint "other": it is bound on "other", and the contract does not have it there`,
			`endpoint "put": no handler is bound`,
		}},
		{"another subject", storeConfig(), bound(put.InSubject("lay").Handle(repeat)), []string{
			`endpoint "put": it is bound on "store.lay"`, `endpoint "put": no handler is bound to it, on "store.put"`,
		}},
		{"other types", storeConfig(), bound(retyped.Handle(never)), []string{`endpoint "put": what is bound is not what the contract has`}},
		{"another codec", storeConfig(), bound(put.WithCodec(msgpack.Codec).Handle(repeat)), []string{`endpoint "put": what is bound is not`}},
		{"another name", storeConfig(func(c *typednats.ServiceConfig) { c.Name = "shop" }), bound(put.Handle(repeat)), []string{
			`Name "shop": the Contract is that of "store"`,
		}},
		{"what is bound is unsound", storeConfig(), bound(put.Handle(nil)), []string{`handler "nil"`}},
		{"what is not bound is unsound", config(func(c *typednats.ServiceConfig) {
			c.Name, c.Contract = "store", typednats.NewServiceContract("store", put.InSubject(".."), nil)
		}), nil, []string{`no handler is bound`, `subject ".."`, `endpoint "2": it is nil`}},
		{"no name", config(func(c *typednats.ServiceConfig) { c.Name, c.Contract = "", typednats.NewServiceContract("", put) }),
			[]typednats.BoundEndpoint{put.Handle(repeat)}, []string{`Name ""`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := typednats.NewService(typednatstest.Server(t), tt.config, tt.bound...)
			if err == nil {
				mustStop(t, s)
			}
			if (err == nil) != (tt.want == nil) {
				t.Fatalf("%v, want %q", err, tt.want)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v\nwant %q in it", err, part)
				}
			}
			if lines := strings.Count(errorText(err), "\n") + 1; tt.want != nil && lines != len(tt.want) {
				t.Errorf("%d lines, want %d:\n%v", lines, len(tt.want), err)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestServiceContractHoldsLater: a running service can take an endpoint of its contract away and have it again.
func TestServiceContractHoldsLater(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	s := start(t, nc, storeConfig(), take.Handle(repeat), oldTake.Handle(repeat), put.Handle(repeat))
	err := s.AddEndpoints(typednats.NewEndpoint[note, note, missing]("other").Handle(repeat))
	if !errors.Is(err, typednats.ErrInvalidConfig) || !strings.Contains(err.Error(), "does not have it there") {
		t.Errorf("one that is not in the contract: %v", err)
	}
	if err := s.RemoveEndpoint(within(t), "put"); err != nil {
		t.Fatal(err)
	}
	nobodyServes(t, nc, put.Subject())
	if err := s.AddEndpoints(put.Handle(repeat)); err != nil {
		t.Fatal(err)
	}
	if _, err := typednats.RequestService(within(t), nc, put, note{"a"}); err != nil {
		t.Error(err)
	}
}

func TestServiceContractIsARange(t *testing.T) {
	t.Parallel()
	var subjects []string
	for _, d := range store.Endpoints() {
		subjects = append(subjects, d.Name()+" "+d.Subject())
	}
	compare(t, "endpoints", []string{"take store.take", "take store.fetch", "put store.put"}, subjects)
	store.Endpoints()[0] = nil
	given := []typednats.Descriptor{take}
	one := typednats.NewServiceContract("one", given...)
	given[0] = nil
	if err := errors.Join(store.Validate(), one.Validate()); err != nil {
		t.Errorf("a slice that somebody changes is the contract's own: %v", err)
	}
	compare(t, "name", "store", store.Name())
}

func TestServiceContractValidate(t *testing.T) {
	t.Parallel()
	err := typednats.NewServiceContract("a b", take, nil, take.At("store.take"), put.InSubject("take"),
		typednats.NewEndpoint[note, note, missing]("c.d"), typednats.NewEndpoint[note, spoiled, missing]("spoiled"),
		typednats.Endpoint[note, note, missing]{}).Validate()
	for _, part := range []string{
		`service "a b": Contract: name "a b"`, `endpoint "2": it is nil`, `endpoint "take": At is for clients`,
		`the same subject "store.take"`, `name "c.d"`, `tag enum "a"`, "it was not made by NewEndpoint",
	} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v\nwant %q in it", err, part)
		}
	}
	if !errors.Is(err, typednats.ErrInvalidConfig) || !errors.Is(err, typednats.ErrInvalidEndpoint) {
		t.Errorf("%v is neither of the two kinds", err)
	}
	if err := store.Validate(); err != nil {
		t.Error(err)
	}
}
