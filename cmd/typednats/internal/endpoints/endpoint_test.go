package endpoints_test

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
	"github.com/typednats/typednats/cmd/typednats/internal/fleet"
	"github.com/typednats/typednats/contract"
)

func TestLabels(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ subjects, want string }{
		{"a.check b.other", "check other"},
		{"api.v1.check api.v2.check", "v1-check v2-check"},
		{"api.v1.check api.v2.check api.check", "check v1-check v2-check"},
		{"a.v1.x.check a.v2.x.check", "v1-x-check v2-x-check"},
		{"v1.check=Check v1.x.check=check", "Check x-check"},
		{"v1.*=check v2.*=check v1.>=check-", "v1-check v1-check--2 v2-check"},
		{"a.x=check a.y=check", "x-check y-check"},
		{"*.*=check >=check", "check check-2"},
		{"a.b=c-d a.c-d=b a.b.x=c_d", "c-d x-c_d b"},
		{"x.check y.check z=x-check", "x-check-2 y-check x-check"},
	} {
		var docs []contract.Document
		for subject := range strings.FieldsSeq(tt.subjects) {
			subject, name, named := strings.Cut(subject, "=")
			if !named {
				name = subject[strings.LastIndex(subject, ".")+1:]
			}
			docs = append(docs, contract.Document{Subject: subject, Name: name})
		}
		set, err := endpoints.NewSet("set", docs...)
		if err != nil {
			t.Fatal(err)
		}
		var labels []string
		for _, e := range set.Endpoints {
			labels = append(labels, e.Label)
		}
		slices.Sort(labels)
		want := strings.Fields(tt.want)
		slices.Sort(want)
		if diff := cmp.Diff(want, labels); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.subjects, diff)
		}
	}
}

func TestNewSetOfTwins(t *testing.T) {
	t.Parallel()
	doc := contract.Document{Name: "e", Subject: "e"}
	other := doc
	other.Idempotent = true
	worded := doc
	worded.Description = "words"
	set, err := endpoints.NewSet("set", doc, worded, doc)
	if err != nil || len(set.Endpoints) != 1 {
		t.Errorf("the same three times: %d endpoints, %v", len(set.Endpoints), err)
	}
	if _, err := endpoints.NewSet("set", doc, other); err == nil || !strings.Contains(err.Error(), "two contracts of the endpoint e on e") {
		t.Errorf("two contracts: %v", err)
	}
	if _, err := endpoints.NewSet("set"); !errors.Is(err, endpoints.ErrEmpty) {
		t.Errorf("nothing: %v", err)
	}
}

// TestContentTypes: the bodies are those of JSON where that is accepted, else of what a client sends by default.
func TestContentTypes(t *testing.T) {
	t.Parallel()
	schema := func(name string) *contract.Schema { return &contract.Schema{Format: name} }
	for _, tt := range []struct {
		accepts []string
		want    string
		isJSON  bool
	}{
		{nil, "default", true},
		{[]string{"application/msgpack", "Application/JSON; charset=utf-8"}, "json", true},
		{[]string{"application/msgpack"}, "default", false},
		{[]string{"text/plain", "application/msgpack"}, "plain", false},
		{[]string{"application/jsonx", ";"}, "default", false},
	} {
		set, err := endpoints.NewSet("set", contract.Document{
			Name: "e", Subject: "e", ContentTypes: tt.accepts, Request: schema("default"),
			Errors: []contract.Error{{Tag: "T", Schema: schema("default")}},
			Variants: map[string]*contract.Variant{
				"Application/JSON; charset=utf-8": {Request: schema("json"), Errors: map[string]*contract.Schema{"T": schema("json")}},
				"text/plain":                      {Request: schema("plain"), Errors: map[string]*contract.Schema{"T": schema("plain")}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		e := set.Endpoints[0]
		if e.Request.Format != tt.want || e.Declared[0].Schema.Format != tt.want || e.IsJSON != tt.isJSON || e.Reply != nil {
			t.Errorf("%q: %s, %v", tt.accepts, e.Request.Format, e.IsJSON)
		}
	}
}

// TestDefine: definitions of one name are one if they say the same, what they refer to included, and have an end if they
// refer to each other.
func TestDefine(t *testing.T) {
	t.Parallel()
	doc := func(subject, leaf string) contract.Document {
		d, err := contract.Parse([]byte(`{"typednats":1,"name":"e","subject":"` + subject + `","request":{"$ref":"#/$defs/A"},"reply":{"$ref":"#/$defs/Own"},
			"errors":[{"tag":"T","schema":{"type":"array","items":{"$ref":"#/$defs/a~1b%20c"}}}],
			"$defs":{"A":{"anyOf":[{"type":"object","properties":{"b":{"$ref":"#/$defs/B"}}}]},"B":{"items":{"$ref":"#/$defs/A"},"properties":{"l":{"$ref":"#/$defs/Leaf"}}},
			"Leaf":{"type":"` + leaf + `"},"Own":{"additionalProperties":{"$ref":"#/$defs/Own"}},"a/b c":true,"Unused":true}}`))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	set, err := endpoints.NewSet("set", doc("1", "string"), doc("2", "string"), doc("3", "boolean"))
	if err != nil {
		t.Fatal(err)
	}
	d := endpoints.Define(set.Endpoints, &endpoints.Names{}, func(s string) string { return strings.ReplaceAll(s, "/", "") })
	var names []string
	for _, def := range d.All() {
		names = append(names, def.Name)
	}
	if diff := cmp.Diff([]string{"A", "B", "Leaf", "Own", "ab c", "A_2", "B_2", "Leaf_2"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	got := map[string]string{}
	for _, ref := range []string{"#/$defs/A", "#/$defs/Own", "#/$defs/Unused", "#/$defs/nothing", "", "https://example.com", "#/$defs/A/items"} {
		got[ref], _ = d.Name(2, ref)
	}
	maps.DeleteFunc(got, func(_, name string) bool { return name == "" })
	if diff := cmp.Diff(map[string]string{"#/$defs/A": "A_2", "#/$defs/Own": "Own"}, got); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.contracts.json")
	const doc = `{"typednats":1,"name":"e","subject":"e"}`
	if err := os.WriteFile(path, []byte(`{"endpoints":[`+doc+`]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if set, err := endpoints.ReadFile(path); err != nil || set.Name != "shop.contracts" || len(set.Endpoints) != 1 {
		t.Errorf("%+v, %v", set, err)
	}
	for _, tt := range []struct {
		from io.Reader
		want string
	}{
		{strings.NewReader(""), "read here: "},
		{strings.NewReader(`[{}]`), "read here: contract 1: "},
		{strings.NewReader(`[` + doc + `,{"typednats":1,"name":"e","subject":"e","idempotent":true}]`), "read here: x: there are two contracts"},
		{endless{}, "read here: it has more than 67108864 bytes"},
		{iotest.ErrReader(io.ErrNoProgress), "read here: " + io.ErrNoProgress.Error()},
	} {
		if _, err := endpoints.Read("x", "here", tt.from); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
}

// endless has no end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestFetchVersions(t *testing.T) {
	t.Parallel()
	f := fleet.Fleet{
		Services: []fleet.Service{{Name: "shop"}},
		Endpoints: []fleet.Endpoint{{Service: "shop", Name: "e", Subject: "shop.e", Offers: []fleet.Offer{
			{Digest: "new", Instances: []string{"b", "a"}}, {Instances: []string{"silent"}}, {Digest: "old", Instances: []string{"c"}},
		}}},
	}
	_, err := endpoints.Fetch(t.Context(), nil, f, func(string) { t.Error("nothing is left out") })
	want := "shop.e on shop.e: its instances have different contracts: new on a and b, old on c; wait until one version runs, or use a file"
	if !errors.Is(err, endpoints.ErrVersions) || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}
