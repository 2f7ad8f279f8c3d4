package explorer_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats"
)

// details is what the page gets of an endpoint.
type details struct {
	Problem  string `json:"problem"`
	Contract *struct {
		Description  string   `json:"description"`
		ContentTypes []string `json:"content_types"`
		Bodies       []struct {
			Title  string `json:"title"`
			Note   string `json:"note"`
			Type   string `json:"type"`
			Schema string `json:"schema"`
		} `json:"bodies"`
	} `json:"contract"`
	Changes []struct {
		Level   string `json:"level"`
		Message string `json:"message"`
	} `json:"changes"`
	Sample   string `json:"sample"`
	JSON     bool   `json:"json"`
	Snippets []struct {
		Name string `json:"name"`
		Text string `json:"text"`
	} `json:"snippets"`
}

func TestContractOfAnEndpoint(t *testing.T) {
	t.Parallel()
	srv, _ := run(t)
	b := mount(t, srv.Connect(t))
	s := b.watch()
	s.until("the service", func() bool { return s.service("stock").Description != "" })
	e := s.endpoint("stock.reserve")
	var d details
	b.get(fmt.Sprintf("endpoint?endpoint=%d&digest=%s", e.Number, e.Contracts[0].Value), &d)
	if d.Problem != "" || d.Contract.Description != "Takes pieces of an item." || !d.JSON {
		t.Errorf("got %+v", d)
	}
	var types []string
	for _, body := range d.Contract.Bodies {
		types = append(types, body.Title+" ("+body.Note+")\n"+body.Type)
	}
	want := []string{
		"Request ()\ninterface Reservation {\n  /** what is taken */\n  item: string;\n  note?: string;\n  quantity: number; // int32\n}",
		"Reply ()\ninterface Ticket {\n  id: string;\n  until: string | null; // date-time\n}",
		"outOfStock (code 409)\ninterface OutOfStock {\n  left: number; // int64\n}",
	}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	if want := "{\n  \"item\": \"nut\",\n  \"quantity\": 3\n}"; d.Sample != want {
		t.Errorf("sample %s, want %s", d.Sample, want)
	}
	if want := `typednats call stock.reserve '{"item":"nut","quantity":3}'`; d.Snippets[0].Text != want {
		t.Errorf("command %s, want %s", d.Snippets[0].Text, want)
	}
	for _, query := range []string{"", "?endpoint=999", "?endpoint=x"} {
		if got := b.do(http.MethodGet, "endpoint"+query, "", nil); got.StatusCode != http.StatusNotFound {
			t.Errorf("%q: %s", query, got.Status)
		}
	}
}

// TestContractsThatDiffer: instances of two versions announce two contracts, and the page shows what has changed.
func TestContractsThatDiffer(t *testing.T) {
	t.Parallel()
	srv, _ := run(t)
	// The next version needs a note.
	type noted struct {
		Item     string `json:"item"`
		Quantity int32  `json:"quantity"`
		Note     string `json:"note"`
	}
	next := typednats.NewEndpoint[noted, ticket, outOfStock]("reserve").InGroup(typednats.NewGroup("stock"))
	svc, err := typednats.NewService(srv.Connect(t), typednats.ServiceConfig{Name: "stock", Version: "1.10.0"},
		next.Handle(func(context.Context, noted) (ticket, error) { return ticket{}, nil }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, svc) })
	b := mount(t, srv.Connect(t))
	s := b.watch()
	s.until("both versions", func() bool { return len(s.endpoint("stock.reserve").Contracts) == 2 })
	e := s.endpoint("stock.reserve")
	ask := func(digest, since string) (d details) {
		b.get(fmt.Sprintf("endpoint?endpoint=%d&digest=%s&since=%s", e.Number, digest, since), &d)
		return d
	}
	d := ask(e.Contracts[0].Value, e.Contracts[1].Value)
	found := false
	for _, c := range d.Changes {
		found = found || c.Level == "breaking" && c.Message == "an old client may leave it out, the new service needs it"
	}
	if !found {
		t.Errorf("changes to the newest version: %+v", d.Changes)
	}
	// Digests that nobody announces are not asked for.
	d = ask("AAAAAAAAAAAAAAAAAAAAAA", e.Contracts[1].Value)
	if d.Problem != "no instance announces it any more" || len(d.Changes) > 0 || len(d.Snippets) != 3 {
		t.Errorf("a digest that nobody announces: %+v", d)
	}
	if d = ask(e.Contracts[0].Value, "AAAAAAAAAAAAAAAAAAAAAA"); d.Problem != "" || len(d.Changes) > 0 {
		t.Errorf("changes since nothing: %+v", d)
	}
}
