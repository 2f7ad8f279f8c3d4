package explorer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/contract"
	"github.com/typednats/typednats/explorer"
	"github.com/typednats/typednats/internal/wire"
	"github.com/typednats/typednats/typednatstest"
)

// withoutDiscovery has a user who may not ask.
func withoutDiscovery(o *server.Options) {
	o.Users = []*server.User{{Username: "web", Password: "web", Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Deny: []string{"$SRV.>"}},
	}}}
}

// statsEvery is how often everybody is asked what they have counted.
const statsEvery = 2 * time.Second

// answerer answers in the place of services.
type answerer struct {
	t  *testing.T
	nc *nats.Conn
}

func newAnswerer(t *testing.T, srv *typednatstest.NATS) answerer {
	t.Helper()
	return answerer{t, srv.Connect(t)}
}

// answers has each question answered with bodies.
func (a answerer) answers(subject string, bodies ...[]byte) {
	a.t.Helper()
	if _, err := a.nc.Subscribe(subject, func(m *nats.Msg) {
		for _, body := range bodies {
			if err := m.Respond(body); err != nil && !errors.Is(err, nats.ErrConnectionClosed) { // the test may be over
				a.t.Errorf("answer on %s: %v", m.Subject, err)
			}
		}
	}); err != nil {
		a.t.Fatal(err)
	}
	if err := a.nc.FlushTimeout(patience); err != nil {
		a.t.Fatal(err)
	}
}

func body(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// claims is what one instance with one endpoint answers to both questions.
func claims(t *testing.T, who micro.ServiceIdentity, endpoint, subject string, metadata map[string]string, requests int) (info, stats []byte) {
	t.Helper()
	info = body(t, micro.Info{
		ServiceIdentity: who, Type: micro.InfoResponseType, Description: who.Name,
		Endpoints: []micro.EndpointInfo{{Name: endpoint, Subject: subject, QueueGroup: endpoint, Metadata: metadata}},
	})
	stats = body(t, micro.Stats{
		ServiceIdentity: who, Type: micro.StatsResponseType, Started: time.Unix(1_700_000_000, 0),
		Endpoints: []*micro.EndpointStats{{Name: endpoint, Subject: subject, NumRequests: requests, LastError: endpoint}},
	})
	return info, stats
}

// TestTwoThousandInstances: they are counted, 500 are listed, and what the page gets does not grow with them.
func TestTwoThousandInstances(t *testing.T) {
	t.Parallel()
	const instances, listed = 2000, 500
	srv := typednatstest.Run(t)
	a := newAnswerer(t, srv)
	var infos, stats [][]byte
	for i := range instances {
		who := micro.ServiceIdentity{Name: "stock", ID: fmt.Sprintf("I%04d", i), Version: "1.0.0"}
		info, stat := claims(t, who, "reserve", "stock.reserve", nil, 1000)
		infos, stats = append(infos, info), append(stats, stat)
	}
	a.answers("$SRV.INFO", infos...)
	a.answers("$SRV.STATS", stats...)
	b := mount(t, srv.Connect(t))
	s := b.watch()
	began := time.Now()
	s.until("all instances", func() bool { return s.service("stock").Instances == instances })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v until all were there", took)
	}
	s.until("a sample", func() bool { return len(s.Samples) == 1 })
	if len(s.Status.Problems) > 0 {
		t.Errorf("problems: %q", s.Status.Problems)
	}
	if s.size > 2<<10 {
		t.Errorf("a frame has %d bytes", s.size)
	}
	var got struct {
		Instances int               `json:"instances"`
		Listed    []json.RawMessage `json:"listed"`
	}
	for began := time.Now(); time.Since(began) < 2*statsEvery; { // while others are being counted, too
		b.get("instances?service="+fmt.Sprint(s.service("stock").Number), &got)
	}
	if got.Instances != instances || len(got.Listed) != listed {
		t.Errorf("%d instances, %d of them listed; want %d and %d", got.Instances, len(got.Listed), instances, listed)
	}
}

// TestHostileAnswers has everything come that can come. The page shows what it can, and says that there is more.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	srv, _ := run(t)
	a := newAnswerer(t, srv)
	const script = `<script>alert(1)</script>`
	evil := micro.ServiceIdentity{Name: script, ID: script, Version: script, Metadata: map[string]string{script: script}}
	info, stats := claims(t, evil, script, "x;rm -rf '~'\u202e", map[string]string{wire.ContractKey: script, wire.AcceptsKey: script}, -1)
	long := micro.ServiceIdentity{Name: strings.Repeat("n", 100_000), ID: "X", Version: strings.Repeat("v", 100_000)}
	longInfo, longStats := claims(t, long, strings.Repeat("e", 100_000), strings.Repeat("s", 100_000), nil, 5)
	many := micro.Info{ServiceIdentity: micro.ServiceIdentity{Name: "many", ID: "M"}, Type: micro.InfoResponseType}
	for i := range 5000 {
		many.Endpoints = append(many.Endpoints, micro.EndpointInfo{Name: "e", Subject: fmt.Sprint("many.", i)})
	}
	a.answers("$SRV.INFO", info, longInfo, body(t, many), []byte("{"), []byte("null"), nil, []byte(`{"type":5}`), info)
	a.answers("$SRV.STATS", stats, longStats, []byte(`[]`), []byte(strings.Repeat("[", 100_000)))
	b := mount(t, srv.Connect(t), explorer.WithMaxEndpoints(100))
	s := b.watch()
	s.until("all of them", func() bool {
		return s.service(script).Instances == 1 && s.service("many").Instances == 1 && s.service("stock").Instances == 1 &&
			strings.Contains(strings.Join(s.Status.Problems, "\n"), "cannot be read") &&
			strings.Contains(strings.Join(s.Status.Problems, "\n"), "more than the 100 endpoints")
	})
	if s.size > 200<<10 {
		t.Errorf("a frame has %d bytes", s.size)
	}
	if e := s.service(script).Endpoints; len(e) != 1 || e[0].Name != script || e[0].Subject != "x;rm -rf '~'\ufffd" {
		t.Errorf("endpoints: %+v", e)
	}
	answer := b.do(http.MethodGet, fmt.Sprintf("endpoint?endpoint=%d&digest=%s", s.service(script).Endpoints[0].Number, script), "", nil).text
	var d details
	if err := json.Unmarshal([]byte(answer), &d); err != nil || d.Contract != nil || d.Problem == "" || len(d.Snippets) != 0 {
		t.Errorf("%v: %s", err, answer)
	}
	if strings.Contains(answer, "<script>") {
		t.Errorf("the answer has a script: %s", answer)
	}
}

// TestHostileContracts: a contract that is none, another one, or too much, is a line that says so.
func TestHostileContracts(t *testing.T) {
	t.Parallel()
	deep := `{"typednats":1,"name":"a","subject":"b","request":` + strings.Repeat(`{"items":`, 200) + `{}` + strings.Repeat(`}`, 201)
	elsewhere := contract.Document{Name: "elsewhere", Subject: "bank.transfer"}
	wide := contract.Document{Name: "wide", Subject: "hostile", ContentTypes: []string{"application/json"}, Request: &contract.Schema{
		Types: []contract.Type{contract.Object}, Properties: map[string]*contract.Schema{},
	}}
	for i := range 3000 { // a few more do not fit into a message
		name := fmt.Sprintf("*/ </script> `${x}` \u202e %d", i)
		wide.Request.Properties[name] = &contract.Schema{Types: []contract.Type{contract.String}, Description: "*/ alert(1) /*\n"}
		wide.Request.Required = append(wide.Request.Required, name)
	}
	for name, test := range map[string]struct {
		digest string
		data   []byte
		want   string // the problem
	}{
		"not JSON":      {"AAAAAAAAAAAAAAAAAAAAAA", []byte("{"), "contract not found"},
		"another one":   {"AAAAAAAAAAAAAAAAAAAAAA", (contract.Document{Name: "a", Subject: "b"}).Bytes(), "what came has the digest"},
		"deep":          {"AAAAAAAAAAAAAAAAAAAAAA", []byte(deep), "contract not found"},
		"no digest":     {"x.>", nil, "invalid argument"},
		"wide and evil": {wide.Digest(), wide.Bytes(), ""},
		"elsewhere":     {elsewhere.Digest(), elsewhere.Bytes(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			a := newAnswerer(t, srv)
			info, _ := claims(t, micro.ServiceIdentity{Name: "evil", ID: "E"}, "do", "hostile", map[string]string{wire.ContractKey: test.digest}, 0)
			a.answers("$SRV.INFO", info)
			a.answers("_TYPEDNATS.CONTRACT.evil.E.>", test.data)
			b := mount(t, srv.Connect(t))
			s := b.watch()
			s.until("the endpoint", func() bool { return s.endpoint("hostile").Number > 0 })
			var d details
			b.get(fmt.Sprintf("endpoint?endpoint=%d&digest=%s", s.endpoint("hostile").Number, test.digest), &d)
			if (test.want == "") != (d.Problem == "") || !strings.Contains(d.Problem, test.want) || (d.Contract == nil) != (test.want != "") {
				t.Fatalf("got %+.500v, want %q", d, test.want)
			}
			if d.Contract == nil {
				return
			}
			if want := "typednats call hostile"; !strings.HasPrefix(d.Snippets[0].Text, want) {
				t.Errorf("the command is %.100q, want %q, whatever the contract says", d.Snippets[0].Text, want)
			}
			text := d.Contract.Bodies[0].Type
			if len(text) > 256<<10 || strings.Contains(text, "\u202e") || strings.Contains(text, "*/ alert") {
				t.Errorf("the type has %d bytes: %.500s", len(text), text)
			}
		})
	}
}
