package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/typednatstest"
)

// outage is a declared error with a cause of its own, which stays where it is.
type outage struct {
	Where string `json:"where"`
	Cause error  `json:"-"`
}

func (e outage) Error() string { return e.Where + " is down: " + e.Cause.Error() }
func (e outage) Unwrap() error { return e.Cause }

// memberOf finds out what an error is as the callers of an endpoint do.
func memberOf(err error) string {
	switch err.(type) { //nolint:errorlint // a declared error arrives unwrapped
	case noItem:
		return "noItem"
	case *denied:
		return "*denied"
	case *tooMany:
		return "*tooMany"
	case reason:
		return "reason"
	case problems:
		return "problems"
	case busy:
		return "busy"
	case *gone:
		return "*gone"
	case shortage:
		return "shortage"
	default:
		return fmt.Sprintf("another error: %v", err)
	}
}

// finds reports whether errors.As and errors.AsType find an E in err, and whether they agree.
func finds[E error](err error) bool {
	var target E
	found := errors.As(err, &target)
	same, ok := errors.AsType[E](err)
	return found && ok && cmp.Equal(target, same)
}

func TestDeclaredErrorsArriveAsThemselves(t *testing.T) {
	t.Parallel()
	members := []struct {
		err   error
		kind  string
		finds func(error) bool
	}{
		{noItem{Item: "bolt"}, "noItem", finds[noItem]},
		{&denied{User: "ann"}, "*denied", finds[*denied]},
		{&tooMany{Max: 3}, "*tooMany", finds[*tooMany]},
		{reason("out of bolts"), "reason", finds[reason]},
		{problems{"a", "b"}, "problems", finds[problems]},
		{busy{}, "busy", finds[busy]},
		{&gone{}, "*gone", finds[*gone]},
		{shortage{"bolt": 2}, "shortage", finds[shortage]},
	}
	failures := map[string]error{}
	for _, m := range members {
		failures[m.kind] = m.err
	}
	endpoints := map[string]stockEndpoint{
		"json":    union.InSubject("plain"),
		"msgpack": union.InSubject("packed").WithCodec(msgpack.Codec),
	}
	bound := []typednats.BoundEndpoint{bindStock(endpoints["json"], failures), bindStock(endpoints["msgpack"], failures)}
	eachWay(t, bound, func(t way) {
		for codec, e := range endpoints {
			for _, m := range members {
				out, err := typednats.RequestService(within(t), t.r, e, stockIn{Fail: m.kind, N: 1})
				compare(t, codec+": "+m.kind, m.err, err)
				compare(t, codec+": reply beside "+m.kind, stockOut{}, out)
				compare(t, codec+": what a type switch finds", m.kind, memberOf(err))
				if !m.finds(err) || !finds[stockError](err) || finds[*typednats.ServiceError](err) {
					t.Errorf("%s: errors.As and errors.AsType on %s: %v, want the member alone", codec, m.kind, err)
				}
			}
			out, err := typednats.RequestService(within(t), t.r, e, stockIn{N: 7})
			if err != nil || out.N != 7 {
				t.Errorf("%s: %v, %v, want 7", codec, out, err)
			}
		}
	})
}

// failing is an endpoint that fails, and a call of it.
type failing struct {
	bound typednats.BoundEndpoint
	call  func(ctx context.Context, r typednats.Requester) error
}

func failingWith[E error](e typednats.Endpoint[stockIn, stockOut, E], failure error) failing {
	return failing{
		bound: bindStock(e, map[string]error{"f": failure}),
		call: func(ctx context.Context, r typednats.Requester) error {
			_, err := typednats.RequestService(ctx, r, e, stockIn{Fail: "f"})
			return err
		},
	}
}

func TestErrorTypeOfAnEndpointDecidesWhatArrives(t *testing.T) {
	t.Parallel()
	never := typednats.NewEndpoint[stockIn, stockOut, typednats.Never]
	value := typednats.NewEndpoint[stockIn, stockOut, noItem]
	pointer := typednats.NewEndpoint[stockIn, stockOut, *tooMany]
	general := func(name string) typednats.Endpoint[stockIn, stockOut, error] {
		return typednats.NewEndpoint[stockIn, stockOut, error](name).FailsWith(noItem{}, &tooMany{})
	}
	tests := []struct {
		failing

		want any // an error or a ServiceError
	}{
		{failingWith(value("value"), noItem{"bolt"}), noItem{"bolt"}},
		{failingWith(value("value-as-pointer"), &noItem{"bolt"}), noItem{"bolt"}},
		{failingWith(pointer("pointer"), &tooMany{3}), &tooMany{3}},
		{failingWith(typednats.NewEndpoint[stockIn, stockOut, *denied]("pointer-as-value"), denied{"ann"}), &denied{"ann"}},
		{failingWith(general("general-value"), noItem{"bolt"}), noItem{"bolt"}},
		{failingWith(general("general-pointer"), &tooMany{3}), &tooMany{3}},
		{failingWith(typednats.NewEndpoint[stockIn, stockOut, generic[int]]("generic").FailsWithTag("G", generic[int]{}),
			generic[int]{5}), generic[int]{5}},
		{failingWith(general("not-a-member"), busy{}), typednats.ServiceError{Code: 500, Description: "internal error"}},
		{failingWith(never("never"), noItem{}), typednats.ServiceError{Code: 500, Description: "internal error"}},
		{failingWith(never("never-with-code"), typednats.Errorf(403, "not %s", "you")),
			typednats.ServiceError{Code: 403, Description: "not you"}},
	}
	var bound []typednats.BoundEndpoint
	for _, test := range tests {
		bound = append(bound, test.bound)
	}
	eachWay(t, bound, func(t way) {
		for _, test := range tests {
			compareFailure(t, test.bound.Name(), test.want, test.call(within(t), t.r))
		}
	})
}

// compareFailure compares what a call returned with a declared error or, without its CallError, a ServiceError.
func compareFailure(tb testing.TB, name string, want any, err error) {
	tb.Helper()
	got := any(err)
	if _, ok := want.(typednats.ServiceError); ok {
		got = serviceErrorOf(tb, name, err)
	}
	compare(tb, name, want, got, cmpopts.EquateEmpty())
}

func TestHandlersErrorIsFoundInItsTree(t *testing.T) {
	t.Parallel()
	missing, plain := noItem{Item: "bolt"}, errors.New("plain")
	se := &typednats.ServiceError{Code: 409, Description: "conflict", Type: "noItem", Data: []byte(`{"item":"x"}`)}
	internal := typednats.ServiceError{Code: 500, Description: "internal error"}
	conflict := typednats.ServiceError{Code: 409, Description: "conflict"}
	tests := map[string]struct {
		returned error
		want     any // an error or a ServiceError
	}{
		"wrapped":                     {fmt.Errorf("look up: %w", missing), missing},
		"wrapped twice":               {fmt.Errorf("a: %w", fmt.Errorf("b: %w", missing)), missing},
		"joined":                      {errors.Join(plain, missing), missing},
		"joined deep":                 {errors.Join(plain, fmt.Errorf("a: %w", errors.Join(plain, missing))), missing},
		"two wrapped":                 {fmt.Errorf("%w, %w", plain, missing), missing},
		"pointer to declared value":   {&missing, missing},
		"wrapped pointer to value":    {fmt.Errorf("a: %w", &missing), missing},
		"value of declared pointer":   {denied{"ann"}, &denied{"ann"}},
		"wrapped value of pointer":    {fmt.Errorf("a: %w", denied{"ann"}), &denied{"ann"}},
		"member around ServiceError":  {outage{"db", se}, outage{Where: "db"}},
		"member around member":        {outage{"db", missing}, outage{Where: "db"}},
		"member beside ServiceError":  {errors.Join(missing, se), missing},
		"ServiceError beside member":  {errors.Join(se, missing), conflict},
		"nil pointer member":          {(*tooMany)(nil), internal},
		"wrapped nil pointer member":  {fmt.Errorf("a: %w", (*tooMany)(nil)), internal},
		"nil pointer to value member": {(*noItem)(nil), internal},
		"nil beside a member":         {errors.Join((*tooMany)(nil), missing), missing},
		"ServiceError":                {typednats.Errorf(403, "no"), typednats.ServiceError{Code: 403, Description: "no"}},
		"Type and Data":               {se, conflict},
		"wrapped ServiceError":        {fmt.Errorf("secret: %w", se), conflict},
		"joined ServiceError":         {errors.Join(plain, fmt.Errorf("a: %w", se)), conflict},
		"code 0":                      {typednats.Errorf(0, "x"), typednats.ServiceError{Code: 500, Description: "x"}},
		"code -1":                     {typednats.Errorf(-1, "x"), typednats.ServiceError{Code: 500, Description: "x"}},
		"code 1":                      {typednats.Errorf(1, "x"), typednats.ServiceError{Code: 1, Description: "x"}},
		"code 70000":                  {typednats.Errorf(70000, "x"), typednats.ServiceError{Code: 70000, Description: "x"}},
		"header injection": {typednats.Errorf(400, "a\r\nNats-Service-Error-Code: 200"),
			typednats.ServiceError{Code: 400, Description: "a  Nats-Service-Error-Code: 200"}},
		"nil ServiceError":         {(*typednats.ServiceError)(nil), internal},
		"wrapped nil ServiceError": {fmt.Errorf("a: %w", (*typednats.ServiceError)(nil)), internal},
		"plain":                    {plain, internal},
		"joined plain":             {errors.Join(plain, plain), internal},
	}
	e := typednats.NewEndpoint[stockIn, stockOut, error]("stock-check").
		FailsWith(noItem{}, &denied{}, &tooMany{}, outage{})
	failures := map[string]error{}
	for name, tt := range tests {
		failures[name] = tt.returned
	}
	eachWay(t, []typednats.BoundEndpoint{bindStock(e, failures)}, func(t way) {
		for name, tt := range tests {
			_, err := typednats.RequestService(within(t), t.r, e, stockIn{Fail: name})
			compareFailure(t, name, tt.want, err)
		}
	})
}

// described is a declared error with what clients of any language see of it.
type described struct {
	e    stockEndpoint
	err  error
	want [3]string // description, code and tag
}

func describedErrors() []described {
	plain := union.InSubject("plain")
	mapped := union.InSubject("mapped").WithErrorMapper(func(err stockError) (string, int) {
		switch err := err.(type) {
		case noItem:
			return "mapped " + err.Item, 404
		case *denied:
			return "mapped " + err.User, 403
		case reason:
			return string(err), -3
		default:
			return "", 0
		}
	})
	long := strings.Repeat("é", 3000)
	return []described{
		{plain, noItem{"bolt"}, [3]string{"no item bolt", "500", "noItem"}},
		{plain, &tooMany{3}, [3]string{"more than 3", "429", "tooMany"}},
		{plain, &gone{}, [3]string{"it is gone", "410", "gone"}},
		{plain, shortage{"a": 1}, [3]string{"1 items are short", "409", "shortage"}},
		{mapped, noItem{"bolt"}, [3]string{"mapped bolt", "404", "noItem"}},
		{mapped, &noItem{"bolt"}, [3]string{"mapped bolt", "404", "noItem"}},
		{mapped, denied{"ann"}, [3]string{"mapped ann", "403", "denied"}},
		{mapped, fmt.Errorf("x: %w", &denied{"ann"}), [3]string{"mapped ann", "403", "denied"}},
		{mapped, &gone{}, [3]string{"gone", "500", "gone"}},
		{mapped, reason("x"), [3]string{"x", "500", "reason"}},

		{plain, reason(""), [3]string{"reason", "500", "reason"}},
		{plain, reason(" \t\r\n"), [3]string{"reason", "500", "reason"}},
		{plain, reason("\x00\x1b[31mred\x7f"), [3]string{"[31mred", "500", "reason"}},
		{plain, reason("a\r\nNats-Service-Error-Code: 200\r\n\r\nbody"),
			[3]string{"a  Nats-Service-Error-Code: 200    body", "500", "reason"}},
		{plain, reason("a\u0085b\u2028c\u2029d"), [3]string{"a b c d", "500", "reason"}},
		{plain, reason("caf\xe9"), [3]string{"caf\ufffd", "500", "reason"}},
		{plain, reason("日本"), [3]string{"日本", "500", "reason"}},
		{plain, reason(long), [3]string{long[:4096], "500", "reason"}},
		{plain, reason("x" + long), [3]string{"x" + long[:4094], "500", "reason"}},
		{mapped, reason("x" + long), [3]string{"x" + long[:4094], "500", "reason"}},
	}
}

// bindDescribed binds both endpoints, which fail with the number that they are asked for.
func bindDescribed(errs []described) []typednats.BoundEndpoint {
	failures, endpoints := map[string]error{}, map[string]stockEndpoint{}
	for i, d := range errs {
		failures[fmt.Sprint(i)], endpoints[d.e.Subject()] = d.err, d.e
	}
	return []typednats.BoundEndpoint{bindStock(endpoints["plain"], failures), bindStock(endpoints["mapped"], failures)}
}

func TestDeclaredErrorsAreDescribed(t *testing.T) {
	t.Parallel()
	errs := describedErrors()
	eachWay(t, bindDescribed(errs), func(t way) {
		for i, d := range errs {
			var h nats.Header
			_, err := typednats.RequestService(within(t), t.r, d.e, stockIn{Fail: fmt.Sprint(i)}, typednats.WithReplyHeader(&h))
			if _, ok := errors.AsType[stockError](err); !ok {
				t.Errorf("%s, %v: %v, want a declared error", d.e.Subject(), d.err, err)
			}
			got := [3]string{textOf(t.T, h), h.Get(micro.ErrorCodeHeader), h.Get(typednats.ErrorTypeHeader)}
			compare(t, fmt.Sprintf("%s, %v", d.e.Subject(), d.err), d.want, got)
		}
	})
}

func TestStatisticsShowDescribedErrors(t *testing.T) {
	t.Parallel()
	nc, errs := typednatstest.Server(t), describedErrors()
	s := start(t, nc, config(), bindDescribed(errs)...)
	for i, d := range errs {
		exchange(t, nc, d.e.Subject(), nil, fmt.Sprintf(`{"fail":"%d"}`, i))
		stats, _ := s.EndpointStats(d.e.Subject())
		want := d.want[1] + ":" + d.want[0]
		if len(want) > 1024 {
			want = strings.ToValidUTF8(want[:1024], "") // cut between characters
		}
		compare(t, fmt.Sprintf("last error of %s, %v", d.e.Subject(), d.err), want, stats.LastError)
	}
}
