package typednats_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/typednatstest"
)

func jsonNamed(contentType string) typednats.Codec { return &namedJSON{contentType} }

// sliceCodec is of a kind that can be nil and still works.
type sliceCodec []string

func (sliceCodec) ContentType() string                { return "application/x-options" }
func (sliceCodec) Marshal(v any) ([]byte, error)      { return json.Codec.Marshal(v) }
func (sliceCodec) Unmarshal(data []byte, v any) error { return json.Codec.Unmarshal(data, v) }

type funcError func() string

func (f funcError) Error() string { return f() }
func (f funcError) stockError()   {}

type ärger struct{ Text string } //nolint:asciicheck // such a name makes no tag

func (ärger) Error() string { return "Ärger" }
func (ärger) stockError()   {}

type validator interface {
	Validate() error
}

// unnamed returns an error of a type without a name.
func unnamed() stockError {
	return struct{ noItem }{}
}

func TestValidateFindsEveryMistake(t *testing.T) {
	t.Parallel()
	e := stockCheck
	wide := e.InSubject("stock.*")
	named := func(name string) validator {
		return typednats.NewEndpoint[stockIn, stockOut, typednats.Never](name)
	}
	var nilCodec *namedJSON
	long := strings.Repeat("x", 1025)
	tests := []struct {
		e    validator
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
		{e.WithCodec(nilCodec), []string{`codec "*typednats_test.namedJSON"`, "nil"}},
		{e.WithCodec(json.Codec, nil), []string{`codec "<nil>"`, "nil"}},
		{e.WithCodec(json.Codec, msgpack.Codec, json.Codec), []string{`codec "application/json"`, "two codecs"}},
		{e.WithCodec(json.Codec, jsonNamed("Application/JSON; charset=utf-8")), []string{"charset", "two codecs"}},
		{e.WithCodec(jsonNamed("")), []string{`codec ""`, "media type"}},
		{e.WithCodec(jsonNamed("json")), []string{`codec "json"`, "media type"}},
		{e.WithCodec(jsonNamed("application/")), []string{`codec "application/"`, "media type"}},
		{e.WithCodec(jsonNamed("application/x y")), []string{`codec "application/x y"`, "media type"}},
		{e.WithCodec(jsonNamed("application/x\r\nA: b")), []string{`codec "application/x\r\nA: b"`, "media type"}},
		{e.WithCodec(jsonNamed("application/x;a=\r\nA: b")), []string{`codec "application/x;a=\r\nA: b"`, "media type"}},
		{e.WithCodec(jsonNamed("application/größe")), []string{"größe", "media type"}},
		{e.WithCodec(jsonNamed("application/" + long)), []string{"media type", "128 bytes"}},
		{e.WithCodec(jsonNamed("application/" + long[:117])), []string{"media type", "128 bytes"}},
		{e.WithCodec(jsonNamed("/json")), []string{`codec "/json"`, "media type"}},

		{e.WithErrorMapper(nil), []string{`"stock-check"`, "error mapper", "nil"}},

		{e.FailsWith(nil), []string{`"stock-check"`, "error member", "nil"}},
		{e.FailsWith(busy{}, nil), []string{"error member", "nil"}},
		{e.FailsWithTag("Gone", nil), []string{`error member "Gone"`, "nil"}},
		{e.FailsWithTag("", busy{}), []string{"tag of typednats_test.busy", `""`, "empty"}},
		{e.FailsWithTag("a b", busy{}), []string{`"a b"`, "printable ASCII"}},
		{e.FailsWithTag("a\r\n", busy{}), []string{`"a\r\n"`, "printable ASCII"}},
		{e.FailsWithTag("größe", busy{}), []string{`"größe"`, "printable ASCII"}},
		{e.FailsWithTag(long, busy{}), []string{"tag of", "1025 bytes"}},
		{e.FailsWithTag(long[:257], busy{}), []string{"tag of", "257 bytes, more than 256"}},
		{e.FailsWithTag("noItem", busy{}), []string{
			"tag of typednats_test.busy", `"noItem"`, "typednats_test.noItem has the same",
		}},
		{e.FailsWithTag("x", busy{}).FailsWithTag("y", reason("")).FailsWithTag("x", reason("")),
			[]string{"tag of typednats_test.reason", `"x"`, "busy"}},
		{e.FailsWith(&noItem{}), []string{`"*typednats_test.noItem"`, "one of the two forms"}},
		{e.FailsWithTag("Pointer", &noItem{}), []string{`"*typednats_test.noItem"`, "one of the two forms"}},
		{e.FailsWith(generic[int]{}), []string{"generic[int]", "FailsWithTag"}},
		{e.FailsWith(&generic[int]{}), []string{"generic[int]", "FailsWithTag"}},
		{e.FailsWith(unnamed()), []string{"struct", "FailsWithTag"}},
		{e.FailsWith(ärger{}), []string{"ärger", "FailsWithTag"}},
		{e.FailsWith(funcError(nil)), []string{"funcError", "cannot be encoded"}},

		{typednats.NewEndpoint[int, int, stockError]("stock-check"),
			[]string{`"stock-check"`, `error type "typednats_test.stockError"`, "FailsWith"}},
		{typednats.NewEndpoint[int, int, stockError]("stock-check").FailsWith(), []string{"error type", "FailsWith"}},
		{typednats.NewEndpoint[int, int, error]("stock-check"), []string{`error type "error"`, "FailsWith"}},
		{typednats.NewEndpoint[int, int, error]("stock-check").FailsWith(&typednats.ServiceError{}),
			[]string{`error member "*typednats.ServiceError"`, "without being declared"}},
		{typednats.NewEndpoint[int, int, *typednats.ServiceError]("stock-check"),
			[]string{`error member "*typednats.ServiceError"`, "without being declared"}},
		{typednats.NewEndpoint[int, int, generic[int]]("stock-check"), []string{"generic[int]", "FailsWithTag"}},
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
		if n := len(mistakesIn(err)); n != 1 {
			t.Errorf("one mistake is reported as %d: %v", n, err)
		}
	}
}

// mistakesIn takes a joined error apart.
func mistakesIn(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

func TestValidateAccepts(t *testing.T) {
	t.Parallel()
	e, long := stockCheck, strings.Repeat("x", 256)
	type none = typednats.Never
	for name, valid := range map[string]validator{
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
		"three codecs":         e.WithCodec(msgpack.Codec, json.Codec, jsonNamed("text/x")),
		"codec parameters":     e.WithCodec(jsonNamed("Text/X; charset=utf-8")),
		"longest content type": e.WithCodec(jsonNamed("application/" + long[:116])),
		"nil slice as a codec": e.WithCodec(sliceCodec(nil)),
		"a member twice":       e.FailsWith(noItem{}, noItem{Item: "x"}).FailsWith(noItem{}),
		"a nil pointer":        e.FailsWith((*tooMany)(nil)),
		"a tag twice":          e.FailsWithTag("x", busy{}).FailsWithTag("x", busy{}),
		"aliases":              e.FailsWithTag("x", busy{}).FailsWithTag("y", busy{}),
		"own name as alias":    e.FailsWithTag("x", busy{}).FailsWithTag("busy", busy{}),
		"generic with a tag":   e.FailsWithTag("Generic", generic[int]{}),
		"unnamed with a tag":   e.FailsWithTag("Unnamed", unnamed()),
		"freed default tag":    e.FailsWithTag("Missing", noItem{}).FailsWithTag("noItem", busy{}),
		"longest tag":          e.FailsWithTag(long[:256], busy{}),
		"class name":           e.FailsWithTag("com.example.Outer$Inner", busy{}),
		"no domain error":      typednats.NewEndpoint[int, int, none]("n"),
		"concrete value":       typednats.NewEndpoint[int, int, noItem]("n"),
		"concrete pointer":     typednats.NewEndpoint[int, int, *tooMany]("n"),
		"concrete, listed too": typednats.NewEndpoint[int, int, noItem]("n").FailsWith(noItem{}),
		"concrete with a tag":  typednats.NewEndpoint[int, int, generic[int]]("n").FailsWithTag("G", generic[int]{}),
		"error with members":   typednats.NewEndpoint[int, int, error]("n").FailsWith(noItem{}, &tooMany{}),
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
	e := typednats.NewEndpoint[stockIn, stockOut, stockError]("stock check").
		InGroup(typednats.NewGroup("a..b").WithQueueGroup("")).
		InSubject("x.>.y").
		At("*").
		WithQueueGroup("a b").
		WithMetadata("", "x").
		WithCodec(nil, json.Codec, json.Codec).
		WithErrorMapper(nil).
		FailsWith(nil, noItem{}, &noItem{}, generic[int]{}).
		FailsWithTag("noItem", busy{}).
		FailsWithTag("", reason(""))
	err := e.Validate()
	want := []string{
		`name "stock check"`, `group "a..b"`, `subject "x.>.y"`, `queue group "a b"`, `queue group of the group ""`, `At "*"`,
		`metadata key ""`, `codec "<nil>"`, `codec "application/json"`, "error mapper", `error member "": it is nil`,
		`tag of typednats_test.reason ""`, `error member "*typednats_test.noItem"`, "generic[int]",
		`tag of typednats_test.busy "noItem"`,
	}
	mistakes := mistakesIn(err)
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
	if n := len(mistakesIn(e.Validate())); n != 3 {
		t.Errorf("%d mistakes, want 3: %v", n, e.Validate())
	}
}

func TestInvalidEndpointsAreNotServed(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	var zero stockEndpoint
	handler := func(context.Context, stockIn) (stockOut, error) { return stockOut{}, nil }
	for name, test := range map[string]struct {
		bound typednats.BoundEndpoint
		want  []string
	}{
		"zero endpoint":               {zero.Handle(handler), []string{"NewEndpoint"}},
		"zero endpoint, no handler":   {zero.HandleWith(nil), []string{"NewEndpoint", "handler"}},
		"zero bound endpoint":         {typednats.BoundEndpoint{}, []string{"BoundEndpoint"}},
		"no handler":                  {stockCheck.Handle(nil), []string{`"stock-check"`, "handler"}},
		"no handler with a request":   {stockCheck.HandleWith(nil), []string{`"stock-check"`, "handler"}},
		"bad descriptor":              {stockCheck.InSubject("a b").Handle(handler), []string{`subject "a b"`}},
		"nil codec":                   {stockCheck.WithCodec(nil).Handle(handler), []string{"codec"}},
		"At":                          {stockCheck.At("stock-check").Handle(handler), []string{`At "stock-check"`, "for clients"}},
		"At that does not match":      {stockCheck.At("other").Handle(handler), []string{`At "other"`, "match"}},
		"descriptor, handler, option": {stockCheck.InSubject("a b").Handle(nil, nil), []string{`subject "a b"`, "handler", "HandlerOption"}},
	} {
		s, err := typednats.NewService(nc, config(), test.bound)
		if !errors.Is(err, typednats.ErrInvalidEndpoint) || s != nil {
			t.Errorf("%s: NewService = %v, %v, want nil and an ErrInvalidEndpoint", name, s, err)
		}
		for _, want := range test.want {
			if !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("%s: NewService = %v, want %q in it", name, err, want)
			}
		}
	}
}
