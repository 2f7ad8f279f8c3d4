package typednats_test

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
	"github.com/typednats/typednats/typednatstest"
)

var update = flag.Bool("update", false, "write the golden files")

type goldenRequest struct {
	Item string `json:"item"`
	Fail string `json:"fail,omitempty"`
}

type goldenReply struct {
	InStock int `json:"in_stock"`
}

type goldenMissing struct {
	Item string `json:"item"`
}

func (e goldenMissing) Error() string { return "no item " + e.Item }
func (goldenMissing) ErrorCode() int  { return 404 }

type goldenClosed struct{}

func (*goldenClosed) Error() string { return "" }

func goldenHandler(_ context.Context, in goldenRequest) (goldenReply, error) {
	switch in.Fail {
	case "missing":
		return goldenReply{}, goldenMissing{Item: in.Item}
	case "closed":
		return goldenReply{}, fmt.Errorf("look up: %w", &goldenClosed{})
	case "forbidden":
		return goldenReply{}, typednats.Errorf(403, "not %s", "you")
	case "unknown":
		return goldenReply{}, os.ErrPermission
	case "panic":
		panic("secret")
	default:
		return goldenReply{InStock: 42}, nil
	}
}

// TestGoldenWire pins what crosses the wire, as another connection to the server sees it. Run the test with -update
// to accept a change, which every deployed peer must understand.
func TestGoldenWire(t *testing.T) {
	t.Parallel()
	endpoint := typednats.NewEndpoint[goldenRequest, goldenReply, error]("stock-check").
		InGroup(typednats.NewGroup("catalog")).
		FailsWith(goldenMissing{}).
		FailsWithTag("com.example.Closed", &goldenClosed{})
	text := typednats.NewEndpoint[string, []byte, typednats.Never]("text").WithCodec(raw.Codec)
	empty := typednats.NewEndpoint[struct{}, struct{}, typednats.Never]("empty")
	packed := endpoint.WithCodec(msgpack.Codec, json.Codec)
	for name, r := range map[string]func(nc *nats.Conn) typednats.Requester{
		"conn":           func(nc *nats.Conn) typednats.Requester { return nc },
		"client":         func(nc *nats.Conn) typednats.Requester { return typednats.NewClient(nc) },
		"client_headers": func(nc *nats.Conn) typednats.Requester { return typednats.NewClient(nc, typednats.WithoutReplyToken()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := typednatstest.Run(t)
			nc, observer := srv.Connect(t), srv.Connect(t)
			svc, err := typednats.NewService(nc, config(),
				packed.Handle(goldenHandler),
				text.Handle(func(_ context.Context, in string) ([]byte, error) { return []byte(strings.ToUpper(in)), nil }),
				empty.HandleWith(func(_ context.Context, r *typednats.ServiceRequest[struct{}]) (struct{}, error) {
					r.ReplyHeader().Set("X-Trace", r.Header.Get("X-Trace"))
					return struct{}{}, nil
				}))
			if err != nil {
				t.Fatal(err)
			}
			requester := r(nc)
			t.Cleanup(func() {
				if c, ok := requester.(*typednats.Client); ok {
					_ = c.Close()
				}
				_ = svc.Stop(context.Background())
			})
			g := goldenTap{tap: tapAll(t, observer)}
			ctx := context.Background()
			for _, fail := range []string{"", "missing", "closed", "forbidden", "unknown", "panic"} {
				_, _ = typednats.RequestService(ctx, requester, endpoint, goldenRequest{"bolt", fail})
				g.record(t, "JSON, fails: "+strconv.Quote(fail))
			}
			for _, fail := range []string{"", "missing", "closed", "forbidden"} {
				_, _ = typednats.RequestService(ctx, requester, packed, goldenRequest{"bolt", fail})
				g.record(t, "msgpack, fails: "+strconv.Quote(fail))
			}
			_, _ = typednats.RequestService(ctx, requester, endpoint, goldenRequest{"bolt", ""}, typednats.WithCallCodec(raw.Codec))
			g.record(t, "a request that the codec cannot encode")
			_, _ = typednats.RequestService(ctx, requester, endpoint, goldenRequest{"bolt", ""}, typednats.WithCallCodec(goldenCodec{}))
			g.record(t, "a codec that is not accepted")
			_, _ = typednats.Request[int, int](ctx, requester, "catalog.stock-check", 1)
			g.record(t, "a request that cannot be decoded")
			_, _ = typednats.RequestService(ctx, requester, text, "bolt é")
			g.record(t, "raw")
			_, _ = typednats.RequestService(ctx, requester, empty, struct{}{}, typednats.WithHeader("X-Trace", "abc"))
			g.record(t, "no fields, headers of the caller and of the handler")
			g.compare(t, name+".golden")
		})
	}
}

// goldenCodec has a name that does not fit into a reply subject.
type goldenCodec struct{}

func (goldenCodec) ContentType() string               { return "application/vnd.acme.v1" }
func (goldenCodec) Marshal(any) ([]byte, error)       { return []byte{0, 1, 0xff}, nil }
func (goldenCodec) Unmarshal(_ []byte, out any) error { return fmt.Errorf("decode %T", out) }

// goldenTap writes down the messages that pass.
type goldenTap struct {
	tap *nats.Subscription
	out strings.Builder
}

func tapAll(t *testing.T, nc *nats.Conn) *nats.Subscription {
	t.Helper()
	tap, err := nc.SubscribeSync(">")
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return tap
}

// record writes down the request and the reply of one call; one that was not sent leaves none.
func (g *goldenTap) record(t *testing.T, title string) {
	t.Helper()
	fmt.Fprintf(&g.out, "# %s\n", title)
	if strings.Contains(title, "cannot encode") {
		g.out.WriteString("\n")
		return
	}
	for _, kind := range []string{"request", "reply"} {
		m, err := g.tap.NextMsg(10 * time.Second)
		if err != nil {
			t.Fatalf("%s: %s: %v", title, kind, err)
		}
		fmt.Fprintf(&g.out, "%s to %s\n", kind, goldenSubject(m.Subject))
		if m.Reply != "" {
			fmt.Fprintf(&g.out, "  reply to %s\n", goldenSubject(m.Reply))
		}
		for _, key := range slices.Sorted(maps.Keys(m.Header)) {
			for _, value := range m.Header[key] {
				if ms, err := strconv.Atoi(value); key == typednats.TimeoutHeader && err == nil && ms > 1000 && ms <= 5000 {
					value = "<ms>"
				}
				if text, _, found := strings.Cut(value, "decoded: "); found { // Go's text, which changes with its version
					value = text + "decoded: <cause>"
				}
				value = errorID.ReplaceAllString(value, ", id <id>")
				fmt.Fprintf(&g.out, "  header %s: %s\n", key, value)
			}
		}
		fmt.Fprintf(&g.out, "  body %+q\n", m.Data)
	}
	g.out.WriteString("\n")
}

var (
	goldenInbox  = regexp.MustCompile(`^_INBOX\.[A-Za-z0-9]{22}\.`)
	goldenToken  = regexp.MustCompile(`^(<inbox>\.~)[1-5]\d{3}~`)
	goldenNumber = regexp.MustCompile(`^(<inbox>\.~.*~)[0-9a-z]{1,13}$`)
	goldenOther  = regexp.MustCompile(`^<inbox>\.[A-Za-z0-9]+$`)
)

// goldenSubject replaces what differs between two runs.
func goldenSubject(subject string) string {
	subject = goldenInbox.ReplaceAllString(subject, "<inbox>.")
	subject = goldenToken.ReplaceAllString(subject, "${1}<ms>~")
	subject = goldenNumber.ReplaceAllString(subject, "${1}<number>")
	return goldenOther.ReplaceAllString(subject, "<inbox>.<random>")
}

func (g *goldenTap) compare(t *testing.T, file string) {
	t.Helper()
	got := g.out.String()
	dir := filepath.Join("testdata", "wire")
	if *update {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := fs.ReadFile(os.DirFS(dir), file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
