package typednats_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/typednats/typednats"
	jsoncodec "github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
	"github.com/typednats/typednats/contract"
)

// order and receipt are what documents are made of here.
type order struct {
	Item  string    `json:"item" doc:"what is ordered" example:"nut"`
	Size  string    `json:"size" enum:"small,large"`
	Price float64   `json:"price,omitempty"`
	When  time.Time `json:"when"`
	Lines []line    `json:"lines"`
	Seal  [2]byte   `json:"seal"`
}

type line struct {
	Count int64  `json:"count"`
	Note  string `json:"note" deprecated:"nobody reads it"`
}

type receipt struct {
	ID   string `json:"id"`
	Line *line  `json:"line"`
}

// describedContract returns the document of an endpoint.
func describedContract(t *testing.T, d interface {
	Contract() (contract.Document, error)
}) contract.Document {
	t.Helper()
	doc, err := d.Contract()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// indented is a document as people read it.
func indented(t *testing.T, doc contract.Document) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, doc.Bytes(), "", "  "); err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}

var ordering = typednats.NewEndpoint[order, receipt, stockError]("order").
	InGroup(typednats.NewGroup("shop").WithQueueGroup("tills")).
	FailsWith(noItem{}, busy{}).
	FailsWithTag("TooMany", &tooMany{}).FailsWithTag("Excess", &tooMany{}).
	WithCodec(jsoncodec.Codec, msgpack.Codec).
	WithDescription("orders things").
	Deprecated("use place").
	WithExample(order{Item: "nut", Size: "small"}, receipt{ID: "r-1"}).
	WithTimeout(1500 * time.Microsecond).
	Idempotent()

func TestContractDocument(t *testing.T) {
	t.Parallel()
	comparePinned(t, "testdata/contract/order.json", indented(t, describedContract(t, ordering)))
	doc := describedContract(t, ordering.Handle(nil))
	compare(t, "of a bound endpoint", describedContract(t, ordering).Digest(), doc.Digest())
	compare(t, "parsed again", indented(t, doc), func() string {
		again, err := contract.Parse(doc.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		return indented(t, again)
	}())
}

// TestContractBelongsToTheCaller: nobody else sees what is done to a document.
func TestContractBelongsToTheCaller(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			doc, err := ordering.Contract()
			if err != nil {
				t.Error(err)
				return
			}
			doc.Defs["line"].Description = "changed"
			doc.Errors[0].Tag = "changed"
		})
	}
	wg.Wait()
	if text := indented(t, describedContract(t, ordering)); strings.Contains(text, "changed") {
		t.Error("a change of a document is seen by others")
	}
}

// TestContractDigest: words do not change it, and everything else does.
func TestContractDigest(t *testing.T) {
	t.Parallel()
	e := typednats.NewEndpoint[note, note, missing]("echo")
	digest := describedContract(t, e).Digest()
	for name, same := range map[string]typednats.Descriptor{
		"description": e.WithDescription("echoes"), "deprecated": e.Deprecated("old"), "example": e.WithExample(note{"a"}, note{"b"}),
		"metadata": e.WithMetadata("a", "b"), "at": e.InSubject("*").At("x").InSubject("echo").At("echo"),
		"error again": e.FailsWith(missing{}),
	} {
		if got := describedContract(t, same).Digest(); got != digest {
			t.Errorf("%s changes the digest", name)
		}
	}
	for name, other := range map[string]typednats.Descriptor{
		"subject": e.InSubject("other"), "group": e.InGroup(typednats.NewGroup("g")), "codec": e.WithCodec(msgpack.Codec),
		"more codecs": e.WithCodec(jsoncodec.Codec, msgpack.Codec), "idempotent": e.Idempotent(), "timeout": e.WithTimeout(time.Second),
		"queue": e.WithQueueGroup("x"), "no queue": e.WithoutQueueGroup(), "tag": e.FailsWithTag("other", missing{}),
		"alias":  e.FailsWithTag("missing", missing{}).FailsWithTag("b", missing{}),
		"mapper": e.WithErrorMapper(func(missing) (string, int) { return "", 404 }),
		"types":  typednats.NewEndpoint[note, order, missing]("echo"), "errors": typednats.NewEndpoint[note, note, typednats.Never]("echo"),
	} {
		if got := describedContract(t, other).Digest(); got == digest {
			t.Errorf("%s does not change the digest", name)
		}
	}
}

// coded has a code that depends on a field, panicky one that fails on a zero value.
type coded struct{ Code int }

func (coded) Error() string    { return "coded" }
func (c coded) ErrorCode() int { return 400 + c.Code }

type panicky struct{ Of *int }

func (panicky) Error() string    { return "panicky" }
func (p panicky) ErrorCode() int { return *p.Of }

// byPointer has its code on the pointer alone, which a value does not have.
type byPointer struct{} //nolint:recvcheck // that is what it is for

func (byPointer) Error() string   { return "by pointer" }
func (*byPointer) ErrorCode() int { return 444 }

func TestContractCodes(t *testing.T) {
	t.Parallel()
	codes := func(d typednats.Descriptor) (list []int) {
		for _, e := range describedContract(t, d).Errors {
			list = append(list, e.Code)
		}
		return list
	}
	e := func(members ...error) typednats.Endpoint[note, note, error] {
		return typednats.NewEndpoint[note, note, error]("e").FailsWith(members...)
	}
	compare(t, "codes", []int{404, 500, 429, 0, 0, 500, 444},
		codes(e(missing{}, noItem{}, (*tooMany)(nil), coded{}, panicky{}, byPointer{}).FailsWithTag("p", &byPointerToo{})))
	compare(t, "with a mapper", []int{0}, codes(e(missing{}).WithErrorMapper(func(error) (string, int) { return "", 404 })))
	compare(t, "concrete", []int{404}, codes(typednats.NewEndpoint[note, note, missing]("e")))
	compare(t, "concrete pointer", []int{429}, codes(typednats.NewEndpoint[note, note, *tooMany]("e")))
}

type byPointerToo struct{ byPointer }

// TestContractBodies has what is special about bodies.
func TestContractBodies(t *testing.T) {
	t.Parallel()
	type nothing = struct{}
	doc := describedContract(t, typednats.NewEndpoint[nothing, nothing, busy]("e"))
	if doc.Request != nil || doc.Reply != nil || doc.Errors[0].Schema == nil {
		t.Errorf("empty bodies: %s", doc.Bytes())
	}
	doc = describedContract(t, typednats.NewEndpoint[[]byte, string, busy]("e").WithCodec(raw.Codec))
	const bytes = `{"contentMediaType":"application/octet-stream"}`
	if string(doc.Request.Bytes()) != bytes || string(doc.Reply.Bytes()) != bytes || doc.Errors[0].Schema != nil {
		t.Errorf("raw bodies: %s", doc.Bytes())
	}
	doc = describedContract(t, typednats.NewEndpoint[*note, []note, typednats.Never]("e"))
	compare(t, "a pointer", `{"anyOf":[{"$ref":"#/$defs/note"},{"type":"null"}]}`, string(doc.Request.Bytes()))
	doc = describedContract(t, typednats.NewEndpoint[note, note, missing]("e").WithCodec(jsoncodec.Codec, msgpack.Codec))
	if len(doc.Variants) > 0 {
		t.Errorf("msgpack writes the same: %s", doc.Bytes())
	}
}

// selfDescribing is a codec that says what it writes, with definitions of its own.
type selfDescribing struct{ typednats.Codec }

func (selfDescribing) ContentType() string { return "application/x-own" }

func (selfDescribing) Schema(t reflect.Type) (json.RawMessage, bool) {
	if t == reflect.TypeFor[missing]() {
		return nil, false
	}
	return json.RawMessage(`{"$ref":"#/$defs/line","$defs":{"line":{"allOf":[{"$ref":"#/$defs/line"}],"title":"` + t.Name() + `"}}}`), true
}

func TestContractOfACodecThatDescribesItself(t *testing.T) {
	t.Parallel()
	doc := describedContract(t, typednats.NewEndpoint[order, receipt, missing]("e").
		WithCodec(jsoncodec.Codec, selfDescribing{jsoncodec.Codec}))
	v := doc.Variants["application/x-own"]
	if v == nil {
		t.Fatalf("no variant: %s", doc.Bytes())
	}
	compare(t, "request", `{"$ref":"#/$defs/line_2"}`, string(v.Request.Bytes()))
	compare(t, "reply", `{"$ref":"#/$defs/line_3"}`, string(v.Reply.Bytes()))
	compare(t, "definition", `{"allOf":[{"$ref":"#/$defs/line_3"}],"title":"receipt"}`, string(doc.Defs["line_3"].Bytes()))
	compare(t, "error, as JSON", `{"$ref":"#/$defs/missing"}`, string(v.Errors["missing"].Bytes()))
}

// spoiled cannot be described.
type spoiled struct {
	N int `enum:"a"`
}

type explosive struct{ N int }

func (explosive) MarshalJSON() ([]byte, error) { panic("no") }
func (*explosive) UnmarshalJSON([]byte) error  { return nil }

func TestContractErrors(t *testing.T) {
	t.Parallel()
	_, err := typednats.NewEndpoint[note, []spoiled, typednats.Never]("e").Contract()
	if !errors.Is(err, typednats.ErrInvalidEndpoint) || !strings.Contains(err.Error(), `[].N: tag enum "a"`) {
		t.Errorf("a bad tag: %v", err)
	}
	if err := typednats.NewEndpoint[note, spoiled, typednats.Never]("e").Validate(); err != nil {
		t.Errorf("such an endpoint can be served all the same: %v", err)
	}
	if _, err = (typednats.Endpoint[note, note, missing]{}).Contract(); !errors.Is(err, typednats.ErrInvalidEndpoint) {
		t.Errorf("the zero value: %v", err)
	}
	if _, err = (typednats.BoundEndpoint{}).Contract(); !errors.Is(err, typednats.ErrInvalidEndpoint) {
		t.Errorf("the zero value, bound: %v", err)
	}
}

func TestWordsAreChecked(t *testing.T) {
	t.Parallel()
	e := typednats.NewEndpoint[note, note, missing]("e")
	for _, tt := range []struct {
		e    validator
		want string
	}{
		{e.Deprecated(" "), `Deprecated " ": it is empty`},
		{e.WithMetadata("typednats.contract", "x"), `metadata key "typednats.contract"`},
		{typednats.NewEndpoint[explosive, note, missing]("e").WithExample(explosive{}, note{}), `WithExample "1": `},
		{e.WithMetadata("typednats", "x"), ""},
		{e.Deprecated("").Deprecated("old"), ""},
	} {
		err := tt.e.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}

// TestExamplesAreEncodedAtOnce: what is done to the values afterwards changes nothing.
func TestExamplesAreEncodedAtOnce(t *testing.T) {
	t.Parallel()
	in := &note{"before"}
	e := typednats.NewEndpoint[*note, note, missing]("e").WithExample(in, note{})
	more := e.WithExample(nil, note{"more"})
	in.Text = "after"
	doc := describedContract(t, e)
	if len(doc.Examples) != 1 || string(doc.Examples[0].Request) != `{"text":"before"}` {
		t.Errorf("examples: %s", doc.Bytes())
	}
	if doc = describedContract(t, more); len(doc.Examples) != 2 || string(doc.Examples[1].Request) != "null" {
		t.Errorf("examples: %s", doc.Bytes())
	}
}

// comparePinned compares with a golden file, which -update writes.
func comparePinned(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // it is in the repository
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path) //nolint:gosec // as above
	if err != nil {
		t.Fatal(err)
	}
	compare(t, path, string(want), got)
}

// TestContractDigestHasNoPaths: a contract is the same at another import path, and in a program without paths.
func TestContractDigestHasNoPaths(t *testing.T) {
	t.Parallel()
	want := ""
	for _, args := range [][]string{
		{"./testdata/digest/one"}, {"-trimpath", "./testdata/digest/two/deeper"},
	} {
		out, err := exec.CommandContext(t.Context(), "go", append([]string{"run"}, args...)...).CombinedOutput() //nolint:gosec // as it says
		if err != nil {
			t.Fatalf("go run %v: %v\n%s", args, err, out)
		}
		if want == "" {
			want = string(out)
		}
		compare(t, strings.Join(args, " "), want, string(out))
	}
	if len(want) != 23 {
		t.Errorf("digest %q", want)
	}
}
