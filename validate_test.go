package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
	"github.com/typednats/typednats/typednatstest"
)

// contractCodec is JSON under the name that a test gives it.
type contractCodec struct {
	contentType string
}

func (c *contractCodec) ContentType() string                { return c.contentType }
func (*contractCodec) Marshal(v any) ([]byte, error)        { return json.Codec.Marshal(v) }
func (*contractCodec) Unmarshal(data []byte, v any) error   { return json.Codec.Unmarshal(data, v) }
func contractCodecNamed(contentType string) typednats.Codec { return &contractCodec{contentType} }

// contractOptionsCodec is of a kind that can be nil and still works.
type contractOptionsCodec []string

func (contractOptionsCodec) ContentType() string                { return "application/x-options" }
func (contractOptionsCodec) Marshal(v any) ([]byte, error)      { return json.Codec.Marshal(v) }
func (contractOptionsCodec) Unmarshal(data []byte, v any) error { return json.Codec.Unmarshal(data, v) }

type contractGeneric[T any] struct{ Value T }

func (contractGeneric[T]) Error() string  { return "generic" }
func (contractGeneric[T]) contractError() {}

type contractFunc func() string

func (f contractFunc) Error() string  { return f() }
func (f contractFunc) contractError() {}

type contractÄrger struct{ Text string } //nolint:asciicheck // such a name makes no tag

func (contractÄrger) Error() string  { return "Ärger" }
func (contractÄrger) contractError() {}

type contractValidator interface {
	Validate() error
}

// contractUnnamed returns an error of a type without a name.
func contractUnnamed() contractError {
	return struct{ contractMissing }{}
}

func TestValidateFindsEveryMistake(t *testing.T) {
	t.Parallel()
	e := contractStock()
	wide := e.InSubject("stock.*")
	named := func(name string) contractValidator {
		return typednats.NewEndpoint[contractIn, contractOut, typednats.Never](name)
	}
	var nilCodec *contractCodec
	long := strings.Repeat("x", 1025)
	tests := []struct {
		e    contractValidator
		want []string // parts of the message: the endpoint, the field, the bad value, and why
	}{
		{named(""), []string{`endpoint ""`, `name ""`, "letters"}},
		{named("a.b"), []string{`endpoint "a.b"`, `name "a.b"`, "letters"}},
		{named("stock check"), []string{`name "stock check"`}},
		{named("größe"), []string{`name "größe"`}},
		{named("a*"), []string{`name "a*"`}},
		{named(">"), []string{`name ">"`}},
		{named("a\n"), []string{`name "a\n"`}},
		{named("$SRV"), []string{`name "$SRV"`}},
		{named(long), []string{"subject", "1025 bytes, more than 1024"}},

		{e.InSubject(""), []string{`"stock-check"`, `subject ""`, "empty"}},
		{e.InSubject("a..b"), []string{`subject "a..b"`, "token 2 is empty"}},
		{e.InSubject("a b"), []string{`subject "a b"`, "space"}},
		{e.InSubject("a\r\nb"), []string{`subject "a\r\nb"`, "control"}},
		{e.InSubject("a.>.b"), []string{`subject "a.>.b"`, "before the end"}},
		{e.InSubject("a.b*"), []string{`subject "a.b*"`, "wildcard"}},
		{e.InSubject("a\xff"), []string{`subject "a\xff"`, "UTF-8"}},
		{e.InSubject(">"), []string{`subject ">"`, "$SRV"}},
		{e.InSubject("*.*"), []string{`subject "*.*"`, "$SRV"}},
		{e.InSubject("$SRV.PING"), []string{`subject "$SRV.PING"`, "protocol"}},
		{e.InSubject("x.$SRV").InGroup(typednats.NewGroup("$SRV")), []string{`subject "$SRV.x.$SRV"`, "protocol"}},
		{e.InSubject(long[:1020]).InGroup(typednats.NewGroup("group")), []string{"subject", "1026 bytes"}},

		{e.InGroup(typednats.Group{}), []string{`"stock-check"`, `group ""`, "empty"}},
		{e.InGroup(typednats.NewGroup("")), []string{`group ""`, "empty"}},
		{e.InGroup(typednats.NewGroup("").Group("v1")), []string{`group ".v1"`, "token 1 is empty"}},
		{e.InGroup(typednats.NewGroup("api").Group("")), []string{`group "api."`, "token 2 is empty"}},
		{e.InGroup(typednats.NewGroup("api").Group("").Group("v1")), []string{`group "api..v1"`, "token 2 is empty"}},
		{e.InGroup(typednats.NewGroup("api.")), []string{`group "api."`, "token 2 is empty"}},
		{e.InGroup(typednats.NewGroup("api.*")), []string{`group "api.*"`, "wildcard"}},
		{e.InGroup(typednats.NewGroup("api.>")), []string{`group "api.>"`, "wildcard"}},
		{e.InGroup(typednats.NewGroup("a b")), []string{`group "a b"`, "space"}},
		{e.InGroup(typednats.NewGroup("api").WithQueueGroup("")), []string{"queue group of the group", `""`, "empty"}},
		{e.InGroup(typednats.NewGroup("api").WithQueueGroup("a b")), []string{`queue group of the group "a b"`, "space"}},

		{e.WithQueueGroup(""), []string{`"stock-check"`, `queue group ""`, "empty"}},
		{e.WithQueueGroup("a b"), []string{`queue group "a b"`, "space"}},
		{e.WithQueueGroup("a\r\n"), []string{`queue group "a\r\n"`, "control"}},
		{e.WithQueueGroup(long), []string{"queue group", "1025 bytes"}},

		{wide.At(""), []string{`"stock-check"`, `At ""`, "empty"}},
		{wide.At("stock.*"), []string{`At "stock.*"`, "wildcard"}},
		{wide.At("stock"), []string{`At "stock"`, "match", `"stock.*"`}},
		{wide.At("stock.a.b"), []string{`At "stock.a.b"`, "match"}},
		{e.At("other"), []string{`At "other"`, "match", `"stock-check"`}},
		{wide.InGroup(typednats.NewGroup("catalog")).At("stock.bolt"), []string{`At "stock.bolt"`, `"catalog.stock.*"`}},

		{e.WithMetadata("", "x"), []string{`"stock-check"`, `metadata key ""`, "empty"}},

		{e.WithCodec(nil), []string{`"stock-check"`, `codec "<nil>"`, "nil"}},
		{e.WithCodec(nilCodec), []string{`codec "*typednats_test.contractCodec"`, "nil"}},
		{e.WithCodec(json.Codec, nil), []string{`codec "<nil>"`, "nil"}},
		{e.WithCodec(json.Codec, msgpack.Codec, json.Codec), []string{`codec "application/json"`, "two codecs"}},
		{e.WithCodec(json.Codec, contractCodecNamed("Application/JSON; charset=utf-8")), []string{"charset", "two codecs"}},
		{e.WithCodec(contractCodecNamed("")), []string{`codec ""`, "media type"}},
		{e.WithCodec(contractCodecNamed("json")), []string{`codec "json"`, "media type"}},
		{e.WithCodec(contractCodecNamed("application/")), []string{`codec "application/"`, "media type"}},
		{e.WithCodec(contractCodecNamed("application/x y")), []string{`codec "application/x y"`, "media type"}},
		{e.WithCodec(contractCodecNamed("application/x\r\nA: b")), []string{`codec "application/x\r\nA: b"`, "media type"}},
		{e.WithCodec(contractCodecNamed("application/x;a=\r\nA: b")), []string{`codec "application/x;a=\r\nA: b"`, "media type"}},
		{e.WithCodec(contractCodecNamed("application/größe")), []string{"größe", "media type"}},
		{e.WithCodec(contractCodecNamed("application/" + long)), []string{"media type", "128 bytes"}},

		{e.WithErrorMapper(nil), []string{`"stock-check"`, "error mapper", "nil"}},

		{e.FailsWith(nil), []string{`"stock-check"`, "error member", "nil"}},
		{e.FailsWith(contractBusy{}, nil), []string{"error member", "nil"}},
		{e.FailsWithTag("Gone", nil), []string{`error member "Gone"`, "nil"}},
		{e.FailsWithTag("", contractBusy{}), []string{"tag of typednats_test.contractBusy", `""`, "empty"}},
		{e.FailsWithTag("a b", contractBusy{}), []string{`"a b"`, "printable ASCII"}},
		{e.FailsWithTag("a\r\n", contractBusy{}), []string{`"a\r\n"`, "printable ASCII"}},
		{e.FailsWithTag("größe", contractBusy{}), []string{`"größe"`, "printable ASCII"}},
		{e.FailsWithTag(long, contractBusy{}), []string{"tag of", "1025 bytes"}},
		{e.FailsWithTag("contractMissing", contractBusy{}), []string{
			"tag of typednats_test.contractBusy", `"contractMissing"`, "typednats_test.contractMissing has the same",
		}},
		{e.FailsWithTag("x", contractBusy{}).FailsWithTag("y", contractReason("")).FailsWithTag("x", contractReason("")),
			[]string{"tag of typednats_test.contractReason", `"x"`, "contractBusy"}},
		{e.FailsWith(&contractMissing{}), []string{`"*typednats_test.contractMissing"`, "one of the two forms"}},
		{e.FailsWithTag("Pointer", &contractMissing{}), []string{`"*typednats_test.contractMissing"`, "one of the two forms"}},
		{e.FailsWith(contractGeneric[int]{}), []string{"contractGeneric[int]", "FailsWithTag"}},
		{e.FailsWith(&contractGeneric[int]{}), []string{"contractGeneric[int]", "FailsWithTag"}},
		{e.FailsWith(contractUnnamed()), []string{"struct", "FailsWithTag"}},
		{e.FailsWith(contractÄrger{}), []string{"contractÄrger", "FailsWithTag"}},
		{e.FailsWith(contractFunc(nil)), []string{"contractFunc", "cannot be encoded"}},

		{typednats.NewEndpoint[int, int, contractError]("stock-check"),
			[]string{`"stock-check"`, `error type "typednats_test.contractError"`, "FailsWith"}},
		{typednats.NewEndpoint[int, int, contractError]("stock-check").FailsWith(), []string{"error type", "FailsWith"}},
		{typednats.NewEndpoint[int, int, error]("stock-check"), []string{`error type "error"`, "FailsWith"}},
		{typednats.NewEndpoint[int, int, error]("stock-check").FailsWith(&typednats.ServiceError{}),
			[]string{`error member "*typednats.ServiceError"`, "without being declared"}},
		{typednats.NewEndpoint[int, int, *typednats.ServiceError]("stock-check"),
			[]string{`error member "*typednats.ServiceError"`, "without being declared"}},
		{typednats.NewEndpoint[int, int, contractGeneric[int]]("stock-check"), []string{"contractGeneric[int]", "FailsWithTag"}},
		{typednats.NewEndpoint[int, int, typednats.Never]("stock-check").FailsWith(nil), []string{"error member", "nil"}},

		{typednats.Endpoint[int, int, error]{}, []string{`endpoint ""`, "NewEndpoint"}},
		{typednats.Endpoint[int, int, error]{}.InSubject("a").WithMetadata("k", "v"), []string{"NewEndpoint"}},
	}
	for _, tt := range tests {
		err := tt.e.Validate()
		if !errors.Is(err, typednats.ErrInvalidEndpoint) {
			t.Errorf("Validate() = %v, want an ErrInvalidEndpoint with %q", err, tt.want)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("Validate() = %v\nwant %q in it", err, want)
			}
		}
		if n := len(contractMistakes(err)); n != 1 {
			t.Errorf("one mistake is reported as %d: %v", n, err)
		}
	}
}

// contractMistakes takes a joined error apart.
func contractMistakes(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

func TestValidateAccepts(t *testing.T) {
	t.Parallel()
	e := contractStock()
	type none = typednats.Never
	for name, valid := range map[string]contractValidator{
		"letters and digits":   typednats.NewEndpoint[int, int, none]("Stock_check-2"),
		"group and >":          e.InGroup(typednats.NewGroup("catalog")).InSubject(">"),
		"dotted group":         e.InGroup(typednats.NewGroup("api.v2")),
		"* in the middle":      e.InSubject("stock.*.price"),
		"one token":            e.InSubject("*"),
		"other characters":     e.InSubject("stock.größe/日本:1"),
		"wildcard without At":  e.InSubject("stock.*"),
		"At":                   e.InSubject("stock.>").At("stock.a.b"),
		"At on a plain one":    e.At("stock-check"),
		"queue group":          e.WithQueueGroup("workers.eu"),
		"empty value":          e.WithMetadata("k", ""),
		"three codecs":         e.WithCodec(msgpack.Codec, json.Codec, raw.Codec),
		"codec parameters":     e.WithCodec(contractCodecNamed("Text/X; charset=utf-8")),
		"nil slice as a codec": e.WithCodec(contractOptionsCodec(nil)),
		"a member twice":       e.FailsWith(contractMissing{}, contractMissing{Item: "x"}).FailsWith(contractMissing{}),
		"a nil pointer":        e.FailsWith((*contractLimit)(nil)),
		"a tag twice":          e.FailsWithTag("x", contractBusy{}).FailsWithTag("x", contractBusy{}),
		"aliases":              e.FailsWithTag("x", contractBusy{}).FailsWithTag("y", contractBusy{}),
		"own name as alias":    e.FailsWithTag("x", contractBusy{}).FailsWithTag("contractBusy", contractBusy{}),
		"generic with a tag":   e.FailsWithTag("Generic", contractGeneric[int]{}),
		"unnamed with a tag":   e.FailsWithTag("Unnamed", contractUnnamed()),
		"freed default tag":    e.FailsWithTag("Missing", contractMissing{}).FailsWithTag("contractMissing", contractBusy{}),
		"class name":           e.FailsWithTag("com.example.Outer$Inner", contractBusy{}),
		"no domain error":      typednats.NewEndpoint[int, int, none]("n"),
		"concrete value":       typednats.NewEndpoint[int, int, contractMissing]("n"),
		"concrete pointer":     typednats.NewEndpoint[int, int, *contractLimit]("n"),
		"concrete, listed too": typednats.NewEndpoint[int, int, contractMissing]("n").FailsWith(contractMissing{}),
		"concrete with a tag":  typednats.NewEndpoint[int, int, contractGeneric[int]]("n").FailsWithTag("G", contractGeneric[int]{}),
		"error with members":   typednats.NewEndpoint[int, int, error]("n").FailsWith(contractMissing{}, &contractLimit{}),
		"no payloads":          typednats.NewEndpoint[struct{}, struct{}, none]("n"),
		"interface payloads":   typednats.NewEndpoint[any, any, none]("n"),
	} {
		if err := valid.Validate(); err != nil {
			t.Errorf("%s: Validate() = %v, want nil", name, err)
		}
	}
}

func TestValidateReportsAllMistakesAtOnce(t *testing.T) {
	t.Parallel()
	e := typednats.NewEndpoint[contractIn, contractOut, contractError]("stock check").
		InGroup(typednats.NewGroup("a..b").WithQueueGroup("")).
		InSubject("x.>.y").
		At("*").
		WithQueueGroup("a b").
		WithMetadata("", "x").
		WithCodec(nil, json.Codec, json.Codec).
		WithErrorMapper(nil).
		FailsWith(nil, contractMissing{}, &contractMissing{}, contractGeneric[int]{}).
		FailsWithTag("contractMissing", contractBusy{}).
		FailsWithTag("", contractReason(""))
	err := e.Validate()
	want := []string{
		`name "stock check"`, `group "a..b"`, `subject "x.>.y"`, `queue group "a b"`, `queue group of the group ""`, `At "*"`,
		`metadata key ""`, `codec "<nil>"`, `codec "application/json"`, "error mapper", `error member "": it is nil`,
		`tag of typednats_test.contractReason ""`, `error member "*typednats_test.contractMissing"`, "contractGeneric[int]",
		`tag of typednats_test.contractBusy "contractMissing"`,
	}
	mistakes := contractMistakes(err)
	for _, part := range want {
		found := 0
		for _, mistake := range mistakes {
			if strings.Contains(mistake.Error(), part) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%d mistakes are about %q, want 1", found, part)
		}
	}
	if len(mistakes) != len(want) {
		t.Errorf("%d mistakes, want %d:\n%v", len(mistakes), len(want), err)
	}
	for _, mistake := range mistakes {
		if !errors.Is(mistake, typednats.ErrInvalidEndpoint) || !strings.Contains(mistake.Error(), `endpoint "stock check"`) {
			t.Errorf("%v: want an ErrInvalidEndpoint that names the endpoint", mistake)
		}
	}
}

// A mistake in one place must not hide that the effective subject is a bad one.
func TestValidateChecksTheSubjectBesideOtherMistakes(t *testing.T) {
	t.Parallel()
	e := typednats.NewEndpoint[int, int, typednats.Never]("bad name").InSubject("$SRV.INFO").WithQueueGroup("")
	if n := len(contractMistakes(e.Validate())); n != 3 {
		t.Errorf("%d mistakes, want 3: %v", n, e.Validate())
	}
}

func TestInvalidEndpointsAreRefusedWhereTheyAreUsed(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	var zero typednats.Endpoint[contractIn, contractOut, contractError]
	ok := contractStock()
	handler := func(context.Context, contractIn) (contractOut, error) { return contractOut{}, nil }
	for name, bound := range map[string]typednats.BoundEndpoint{
		"zero endpoint":         zero.Handle(handler),
		"zero endpoint, no h":   zero.HandleWith(nil),
		"zero bound endpoint":   {},
		"Handle(nil)":           ok.Handle(nil),
		"HandleWith(nil)":       ok.HandleWith(nil),
		"nil option":            ok.Handle(handler, nil),
		"WithMaxConcurrent(0)":  ok.Handle(handler, typednats.WithMaxConcurrent(0)),
		"WithMaxPending(-1, 1)": ok.Handle(handler, typednats.WithMaxPending(-1, 1)),
		"bad descriptor":        ok.InSubject("a b").Handle(handler),
		"nil codec":             ok.WithCodec(nil).Handle(handler),
	} {
		svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "s", Version: "1.0.0"}, bound)
		if !errors.Is(err, typednats.ErrInvalidEndpoint) || svc != nil {
			t.Errorf("%s: NewService = %v, %v, want nil and an ErrInvalidEndpoint", name, svc, err)
		}
	}
	_, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "s", Version: "1.0.0"},
		ok.InSubject("a b").Handle(nil, nil), ok.Handle(nil))
	for _, want := range []string{`subject "a b"`, "handler", "HandlerOption"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("NewService = %v, want %q in it", err, want)
		}
	}
	for name, e := range map[string]typednats.Endpoint[contractIn, contractOut, contractError]{
		"zero": zero, "bad subject": ok.InSubject("a b"), "nil codec": ok.WithCodec(nil), "nil mapper": ok.WithErrorMapper(nil),
	} {
		out, err := typednats.RequestService(contractContext(t), nc, e, contractIn{N: 1})
		callErr, isCallError := errors.AsType[*typednats.CallError](err)
		if !errors.Is(err, typednats.ErrInvalidEndpoint) || !isCallError || out != (contractOut{}) {
			t.Errorf("%s: RequestService = %v, %v, want a CallError with an ErrInvalidEndpoint", name, out, err)
		} else if callErr.Endpoint != e.Name() {
			t.Errorf("%s: Endpoint = %q, want %q", name, callErr.Endpoint, e.Name())
		}
	}
	var noConn *nats.Conn
	for name, call := range map[string]func() error{
		"nil option": func() error {
			_, err := typednats.RequestService(contractContext(t), nc, ok, contractIn{}, nil)
			return err
		},
		"nil Requester": func() error {
			_, err := typednats.RequestService(contractContext(t), nil, ok, contractIn{})
			return err
		},
		"nil *nats.Conn": func() error {
			_, err := typednats.RequestService(contractContext(t), noConn, ok, contractIn{})
			return err
		},
		"nil codec": func() error {
			_, err := typednats.RequestService(contractContext(t), nc, ok, contractIn{}, typednats.WithCallCodec(nil))
			return err
		},
		"typed nil codec": func() error {
			_, err := typednats.RequestService(contractContext(t), nc, ok, contractIn{},
				typednats.WithCallCodec((*contractCodec)(nil)))
			return err
		},
	} {
		if err := call(); !errors.Is(err, typednats.ErrInvalidConfig) {
			t.Errorf("%s: %v, want an ErrInvalidConfig", name, err)
		}
	}
}
