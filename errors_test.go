package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
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

// contractError is the closed union that the tests of errors use: all kinds of Go types that an error can be.
type contractError interface {
	error
	contractError()
}

type contractMissing struct {
	Item string `json:"item"`
}

func (contractMissing) contractError()  {}
func (e contractMissing) Error() string { return "no item " + e.Item }

// contractDenied is declared as a pointer; its methods would also serve the value.
type contractDenied struct {
	User string `json:"user"`
}

func (contractDenied) contractError()  {}
func (e contractDenied) Error() string { return e.User + " may not" }

// contractLimit only is an error as a pointer.
type contractLimit struct {
	Max int `json:"max"`
}

func (*contractLimit) contractError()  {}
func (e *contractLimit) Error() string { return fmt.Sprintf("more than %d", e.Max) }
func (*contractLimit) ErrorCode() int  { return 429 }

type contractReason string

func (contractReason) contractError()  {}
func (e contractReason) Error() string { return string(e) }

type contractProblems []string

func (contractProblems) contractError()  {}
func (e contractProblems) Error() string { return strings.Join(e, ", ") }

type contractBusy struct{}

func (contractBusy) contractError() {}
func (contractBusy) Error() string  { return "busy" }

type contractGone struct{}

func (*contractGone) contractError() {}
func (*contractGone) Error() string  { return "gone" }
func (*contractGone) ErrorCode() int { return 410 }

type contractShortage map[string]int

func (contractShortage) contractError()  {}
func (e contractShortage) Error() string { return fmt.Sprintf("%d items are short", len(e)) }
func (contractShortage) ErrorCode() int  { return 409 }

// contractOutage is a declared error with a cause of its own, which stays where it is.
type contractOutage struct {
	Where string `json:"where"`
	Cause error  `json:"-"`
}

func (e contractOutage) Error() string { return e.Where + " is down: " + e.Cause.Error() }
func (e contractOutage) Unwrap() error { return e.Cause }

// contractUnion is an endpoint with eight members.
func contractUnion() typednats.Endpoint[contractIn, contractOut, contractError] {
	return typednats.NewEndpoint[contractIn, contractOut, contractError]("stock-check").FailsWith(
		contractMissing{}, &contractDenied{}, &contractLimit{}, contractReason(""), contractProblems(nil), contractBusy{},
		&contractGone{}, contractShortage(nil))
}

// contractSwitch finds out what an error is as the callers of an endpoint do.
func contractSwitch(err error) string {
	switch err.(type) { //nolint:errorlint // a declared error arrives unwrapped
	case contractMissing:
		return "contractMissing"
	case *contractDenied:
		return "*contractDenied"
	case *contractLimit:
		return "*contractLimit"
	case contractReason:
		return "contractReason"
	case contractProblems:
		return "contractProblems"
	case contractBusy:
		return "contractBusy"
	case *contractGone:
		return "*contractGone"
	case contractShortage:
		return "contractShortage"
	default:
		return fmt.Sprintf("another error: %v", err)
	}
}

// contractFinds reports whether errors.As and errors.AsType find an E in err, and whether they agree.
func contractFinds[E error](err error) bool {
	var target E
	found := errors.As(err, &target)
	same, ok := errors.AsType[E](err)
	return found && ok && cmp.Equal(target, same)
}

// contractServiceError takes the service error out of what a call returned.
func contractServiceError(t *testing.T, name string, err error) typednats.ServiceError {
	t.Helper()
	if _, ok := errors.AsType[*typednats.CallError](err); !ok {
		t.Errorf("%s: %v, want a CallError", name, err)
	}
	se, ok := errors.AsType[*typednats.ServiceError](err)
	if !ok {
		t.Fatalf("%s: %v, want a ServiceError", name, err)
	}
	return *se
}

func TestErrorUnionOfEight(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	members := []struct {
		err   error
		kind  string
		finds func(error) bool
	}{
		{contractMissing{Item: "bolt"}, "contractMissing", contractFinds[contractMissing]},
		{&contractDenied{User: "ann"}, "*contractDenied", contractFinds[*contractDenied]},
		{&contractLimit{Max: 3}, "*contractLimit", contractFinds[*contractLimit]},
		{contractReason("out of bolts"), "contractReason", contractFinds[contractReason]},
		{contractProblems{"a", "b"}, "contractProblems", contractFinds[contractProblems]},
		{contractBusy{}, "contractBusy", contractFinds[contractBusy]},
		{&contractGone{}, "*contractGone", contractFinds[*contractGone]},
		{contractShortage{"bolt": 2}, "contractShortage", contractFinds[contractShortage]},
	}
	failures := map[string]error{}
	for _, m := range members {
		failures[m.kind] = m.err
	}
	for codec, e := range map[string]typednats.Endpoint[contractIn, contractOut, contractError]{
		"json":    contractUnion(),
		"msgpack": contractUnion().InSubject("packed").WithCodec(msgpack.Codec),
	} {
		contractServe(t, nc, contractBind(e, failures))
		for name, r := range contractRequesters(t, nc) {
			for _, m := range members {
				out, err := typednats.RequestService(contractContext(t), r, e, contractIn{Fail: m.kind, N: 1})
				if diff := cmp.Diff(m.err, err); diff != "" || out != (contractOut{}) {
					t.Errorf("%s, %s, %s: reply %v, error (-want +got):\n%s", codec, name, m.kind, out, diff)
				}
				if got := contractSwitch(err); got != m.kind {
					t.Errorf("%s, %s: a type switch finds %s, want %s", codec, name, got, m.kind)
				}
				if !m.finds(err) || !contractFinds[contractError](err) || contractFinds[*typednats.ServiceError](err) {
					t.Errorf("%s, %s: errors.As and errors.AsType on %s: %v, want the member alone", codec, name, m.kind, err)
				}
			}
			out, err := typednats.RequestService(contractContext(t), r, e, contractIn{N: 7})
			if err != nil || out.N != 7 {
				t.Errorf("%s, %s: %v, %v, want 7", codec, name, out, err)
			}
		}
	}
}

// contractCall serves e with one failure, calls it and returns the error.
func contractCall[E error](t *testing.T, e typednats.Endpoint[contractIn, contractOut, E], failure error) error {
	t.Helper()
	nc := typednatstest.Server(t)
	contractServe(t, nc, contractBind(e, map[string]error{"f": failure}))
	_, err := typednats.RequestService(contractContext(t), nc, e, contractIn{Fail: "f"})
	return err
}

func TestErrorConcreteAndGeneral(t *testing.T) {
	t.Parallel()
	type never = typednats.Never
	general := typednats.NewEndpoint[contractIn, contractOut, error]("n").FailsWith(contractMissing{}, &contractLimit{})
	generic := typednats.NewEndpoint[contractIn, contractOut, contractGeneric[int]]("n").FailsWithTag("G", contractGeneric[int]{})
	for _, tt := range []struct {
		got, want error
	}{
		{contractCall(t, typednats.NewEndpoint[contractIn, contractOut, contractMissing]("n"), contractMissing{"bolt"}),
			contractMissing{"bolt"}},
		{contractCall(t, typednats.NewEndpoint[contractIn, contractOut, contractMissing]("n"), &contractMissing{"bolt"}),
			contractMissing{"bolt"}},
		{contractCall(t, typednats.NewEndpoint[contractIn, contractOut, *contractLimit]("n"), &contractLimit{3}), &contractLimit{3}},
		{contractCall(t, typednats.NewEndpoint[contractIn, contractOut, *contractDenied]("n"), contractDenied{"ann"}),
			&contractDenied{"ann"}},
		{contractCall(t, general, contractMissing{"bolt"}), contractMissing{"bolt"}},
		{contractCall(t, general, &contractLimit{3}), &contractLimit{3}},
		{contractCall(t, generic, contractGeneric[int]{5}), contractGeneric[int]{5}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	for name, err := range map[string]error{
		"not a member": contractCall(t, general, contractBusy{}),
		"never":        contractCall(t, typednats.NewEndpoint[contractIn, contractOut, never]("n"), contractMissing{}),
	} {
		want := typednats.ServiceError{Code: 500, Description: "internal error"}
		if diff := cmp.Diff(want, contractServiceError(t, name, err), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	err := contractCall(t, typednats.NewEndpoint[contractIn, contractOut, never]("n"), typednats.Errorf(403, "not %s", "you"))
	want := typednats.ServiceError{Code: 403, Description: "not you"}
	if diff := cmp.Diff(want, contractServiceError(t, "never", err), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("never (-want +got):\n%s", diff)
	}
}

func TestErrorWrapped(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	missing, plain := contractMissing{Item: "bolt"}, errors.New("plain")
	se := &typednats.ServiceError{Code: 409, Description: "conflict", Type: "contractMissing", Data: []byte(`{"item":"x"}`)}
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
		"value of declared pointer":   {contractDenied{"ann"}, &contractDenied{"ann"}},
		"wrapped value of pointer":    {fmt.Errorf("a: %w", contractDenied{"ann"}), &contractDenied{"ann"}},
		"member around ServiceError":  {contractOutage{"db", se}, contractOutage{Where: "db"}},
		"member around member":        {contractOutage{"db", missing}, contractOutage{Where: "db"}},
		"member beside ServiceError":  {errors.Join(missing, se), missing},
		"ServiceError beside member":  {errors.Join(se, missing), conflict},
		"nil pointer member":          {(*contractLimit)(nil), internal},
		"wrapped nil pointer member":  {fmt.Errorf("a: %w", (*contractLimit)(nil)), internal},
		"nil pointer to value member": {(*contractMissing)(nil), internal},
		"nil beside a member":         {errors.Join((*contractLimit)(nil), missing), missing},
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
	e := typednats.NewEndpoint[contractIn, contractOut, error]("stock-check").
		FailsWith(contractMissing{}, &contractDenied{}, &contractLimit{}, contractOutage{})
	failures := map[string]error{}
	for name, tt := range tests {
		failures[name] = tt.returned
	}
	contractServe(t, nc, contractBind(e, failures))
	for requester, r := range contractRequesters(t, nc) {
		for name, tt := range tests {
			name = requester + ", " + name
			_, err := typednats.RequestService(contractContext(t), r, e, contractIn{Fail: strings.TrimPrefix(name, requester+", ")})
			got := any(err)
			if _, ok := tt.want.(typednats.ServiceError); ok {
				got = contractServiceError(t, name, err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
}

// TestErrorHidden looks for the text of errors that were not declared in everything that leaves the service.
func TestErrorHidden(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	secret := errors.New("secret: password")
	var none map[string]int
	failures := map[string]func() error{
		"error":            func() error { return secret },
		"wrapped":          func() error { return fmt.Errorf("secret: %w", secret) },
		"undeclared":       func() error { return contractReason("secret") },
		"panic":            func() error { panic("secret") },
		"error panic":      func() error { panic(fmt.Errorf("secret: %w", secret)) },
		"nil panic":        func() error { panic(nil) },
		"nil member":       func() error { return (*contractMissing)(nil) },
		"nil ServiceError": func() error { return (*typednats.ServiceError)(nil) },
		"declared panic": func() error {
			panic(contractMissing{Item: "secret"})
		},
		"runtime panic": func() error { none["secret"]++; return nil },
		"goexit":        func() error { runtime.Goexit(); return nil },
	}
	svc, reports := contractServe(t, nc, contractStock().Handle(func(_ context.Context, in contractIn) (contractOut, error) {
		return contractOut{N: in.N}, failures[in.Fail]()
	}))
	want := nats.Header{micro.ErrorHeader: {"internal error"}, micro.ErrorCodeHeader: {"500"}}
	for name := range failures {
		reply := contractAsk(t, nc, "stock-check", nil, `{"n":7,"fail":"`+name+`"}`)
		if diff := cmp.Diff(want, reply.Header); diff != "" || len(reply.Data) > 0 {
			t.Errorf("%s: body %q, headers (-want +got):\n%s", name, reply.Data, diff)
		}
		report := <-reports
		if report.Endpoint != "stock-check" || report.Subject != "stock-check" || report.Err == nil {
			t.Errorf("%s: report %+v", name, report)
		}
		if panics := strings.Contains(name, "panic") || name == "goexit"; panics != (report.Stack != nil) {
			t.Errorf("%s: the report has a stack: %v", name, !panics)
		}
		if hidden := name == "error" || name == "wrapped" || name == "error panic"; hidden && !errors.Is(report.Err, secret) {
			t.Errorf("%s: the report has %v, want what the handler returned", name, report.Err)
		}
	}
	for _, subject := range []string{"$SRV.STATS", "$SRV.INFO"} {
		if answer := contractAsk(t, nc, subject, nil, ""); strings.Contains(string(answer.Data), "secret") {
			t.Errorf("%s shows it: %s", subject, answer.Data)
		}
	}
	stats, _ := svc.EndpointStats("stock-check")
	if stats.LastError != "500:internal error" || stats.NumErrors != len(failures) || stats.NumRequests != len(failures) {
		t.Errorf("statistics: %+v", stats)
	}
}

func TestErrorDescriptionAndCode(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	plain := contractUnion().InSubject("plain")
	mapped := contractUnion().InSubject("mapped").WithErrorMapper(func(err contractError) (string, int) {
		switch err := err.(type) {
		case contractMissing:
			return "mapped " + err.Item, 404
		case *contractDenied:
			return "mapped " + err.User, 403
		case contractReason:
			return string(err), -3
		default:
			return "", 0
		}
	})
	long := strings.Repeat("é", 3000)
	for _, tt := range []struct {
		subject string
		err     error
		want    [3]string // description, code, tag
	}{
		{"plain", contractMissing{"bolt"}, [3]string{"no item bolt", "500", "contractMissing"}},
		{"plain", &contractLimit{3}, [3]string{"more than 3", "429", "contractLimit"}},
		{"plain", &contractGone{}, [3]string{"gone", "410", "contractGone"}},
		{"plain", contractShortage{"a": 1}, [3]string{"1 items are short", "409", "contractShortage"}},
		{"mapped", contractMissing{"bolt"}, [3]string{"mapped bolt", "404", "contractMissing"}},
		{"mapped", &contractMissing{"bolt"}, [3]string{"mapped bolt", "404", "contractMissing"}},
		{"mapped", contractDenied{"ann"}, [3]string{"mapped ann", "403", "contractDenied"}},
		{"mapped", fmt.Errorf("x: %w", &contractDenied{"ann"}), [3]string{"mapped ann", "403", "contractDenied"}},
		{"mapped", &contractGone{}, [3]string{"contractGone", "500", "contractGone"}},
		{"mapped", contractReason("x"), [3]string{"x", "500", "contractReason"}},

		{"plain", contractReason(""), [3]string{"contractReason", "500", "contractReason"}},
		{"plain", contractReason(" \t\r\n"), [3]string{"contractReason", "500", "contractReason"}},
		{"plain", contractReason("\x00\x1b[31mred\x7f"), [3]string{"[31mred", "500", "contractReason"}},
		{"plain", contractReason("a\r\nNats-Service-Error-Code: 200\r\n\r\nbody"),
			[3]string{"a  Nats-Service-Error-Code: 200    body", "500", "contractReason"}},
		{"plain", contractReason("a\u0085b\u2028c\u2029d"), [3]string{"a b c d", "500", "contractReason"}},
		{"plain", contractReason("caf\xe9"), [3]string{"caf\ufffd", "500", "contractReason"}},
		{"plain", contractReason("日本"), [3]string{"日本", "500", "contractReason"}},
		{"plain", contractReason(long), [3]string{long[:4096], "500", "contractReason"}},
		{"plain", contractReason("x" + long), [3]string{"x" + long[:4094], "500", "contractReason"}},
		{"mapped", contractReason("x" + long), [3]string{"x" + long[:4094], "500", "contractReason"}},
	} {
		e := plain
		if tt.subject == "mapped" {
			e = mapped
		}
		svc, _ := contractServe(t, nc, contractBind(e, map[string]error{"f": tt.err}))
		h := contractAsk(t, nc, tt.subject, nil, `{"fail":"f"}`).Header
		got := [3]string{h.Get(micro.ErrorHeader), h.Get(micro.ErrorCodeHeader), h.Get(typednats.ErrorTypeHeader)}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s, %v (-want +got):\n%s", tt.subject, tt.err, diff)
		}
		stats, _ := svc.EndpointStats("stock-check")
		if want := got[1] + ":" + got[0]; stats.LastError != want {
			t.Errorf("last_error = %q, want %q", stats.LastError, want)
		}
		contractStop(t, svc)
	}
}

// contractFragile panics when it is asked for its text.
type contractFragile struct{ Text string }

func (contractFragile) Error() string { panic("secret") }

func TestErrorThatPanics(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	text := typednats.NewEndpoint[contractIn, contractOut, contractFragile]("text")
	mapper := typednats.NewEndpoint[contractIn, contractOut, contractMissing]("mapper").
		WithErrorMapper(func(contractMissing) (string, int) { panic("secret") })
	_, reports := contractServe(t, nc,
		contractBind(text, map[string]error{"f": contractFragile{}}), contractBind(mapper, map[string]error{"f": contractMissing{}}))
	for _, subject := range []string{"text", "mapper"} {
		reply := contractAsk(t, nc, subject, nil, `{"fail":"f"}`)
		want := nats.Header{micro.ErrorHeader: {"internal error"}, micro.ErrorCodeHeader: {"500"}}
		if diff := cmp.Diff(want, reply.Header); diff != "" || len(reply.Data) > 0 {
			t.Errorf("%s: body %q, headers (-want +got):\n%s", subject, reply.Data, diff)
		}
		if report := <-reports; report.Endpoint != subject || report.Stack == nil {
			t.Errorf("%s: report %+v", subject, report)
		}
	}
}

func TestServiceErrorText(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"service error 403: not you":               typednats.Errorf(403, "not %s", "you"),
		"service error 404 (Gone): gone":           &typednats.ServiceError{Code: 404, Type: "Gone", Description: "gone"},
		"service error 500: look up: no item bolt": typednats.Errorf(500, "look up: %w", contractMissing{"bolt"}),
		`call "stock" at "a.stock": service error 403: no`: &typednats.CallError{
			Endpoint: "stock", Subject: "a.stock", Err: typednats.Errorf(403, "no"),
		},
		`call "a.stock": nats: timeout`: &typednats.CallError{Subject: "a.stock", Err: nats.ErrTimeout},
	} {
		if got := err.Error(); got != want {
			t.Errorf("Error() = %q, want %q", got, want)
		}
	}
}
