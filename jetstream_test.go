package typednats_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
	"github.com/typednats/typednats/typednatstest"
)

// withStream runs a server with a stream on subjects, and returns a way to connect to it.
func withStream(tb testing.TB, subjects ...string) *typednatstest.NATS {
	tb.Helper()
	srv := typednatstest.Run(tb, func(o *server.Options) { o.JetStream, o.StoreDir = true, tb.TempDir() })
	js, err := srv.Connect(tb).JetStream()
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: "AUDIT", Subjects: subjects, Storage: nats.MemoryStorage}); err != nil {
		tb.Fatal(err)
	}
	return srv
}

// acknowledged is what a stream says.
type acknowledged struct {
	Stream string `json:"stream"`
	Seq    uint64 `json:"seq"`
}

// A stream on the service's subject acknowledges each request before the handler ends. A client waits for the reply; a
// connection, which gets the first message alone, says what that was.
func TestAcknowledgementOfAStreamIsNotTheReply(t *testing.T) {
	t.Parallel()
	srv := withStream(t, "plain.kept", "packed.kept", "text.kept", "number.kept", "none.kept", "after")
	nc, publisher := srv.Connect(t), srv.Connect(t, nats.CustomInboxPrefix("_PUBLISHER")) // out of the tap's sight
	acks := tap(t, srv.Connect(t), "_INBOX.>")
	held := make(chan struct{}, 1)
	hold := func() error { // until the acknowledgement has been sent
		defer func() { held <- struct{}{} }()
		for {
			m, err := acks.NextMsgWithContext(within(t))
			if err != nil {
				return err
			}
			if strings.HasPrefix(string(m.Data), `{"stream":"`) && len(m.Header) == 0 {
				break
			}
		}
		// The tap may have it before the caller has. A stream acknowledges one message at a time: with the next one's,
		// everybody has this one's.
		_, err := publisher.RequestWithContext(within(t), "after", nil)
		return err
	}
	text := typednats.NewEndpoint[string, string, typednats.Never]("text").InSubject("text.kept").WithCodec(raw.Codec)
	packed := echo.InSubject("packed.kept").WithCodec(msgpack.Codec)
	number := typednats.NewEndpoint[int, int, typednats.Never]("number").InSubject("number.kept").WithCodec(msgpack.Codec)
	none := typednats.NewEndpoint[note, struct{}, typednats.Never]("none").InSubject("none.kept")
	plain := echo.InSubject("plain.kept")
	start(t, srv.Connect(t), config(),
		plain.Handle(func(_ context.Context, in note) (note, error) { return in, hold() }),
		packed.Handle(func(_ context.Context, in note) (note, error) { return in, hold() }),
		text.Handle(func(_ context.Context, in string) (string, error) { return in, hold() }),
		number.Handle(func(_ context.Context, in int) (int, error) { return in, hold() }),
		none.Handle(func(context.Context, note) (struct{}, error) { return struct{}{}, hold() }))
	for kind, r := range requesters(t, nc) {
		for name, call := range map[string]func() (any, error){
			"JSON":      func() (any, error) { return typednats.RequestService(within(t), r, plain, note{"x"}) },
			"msgpack":   func() (any, error) { return typednats.RequestService(within(t), r, packed, note{"x"}) },
			"number":    func() (any, error) { return typednats.RequestService(within(t), r, number, 53) },
			"raw":       func() (any, error) { return typednats.RequestService(within(t), r, text, "x") },
			"no fields": func() (any, error) { return typednats.RequestService(within(t), r, none, note{"x"}) },
			"untyped":   func() (any, error) { return typednats.Request[note, note](within(t), r, "plain.kept", note{"x"}) },
		} {
			got, err := call()
			await(t, held, "the handler") // or it takes the next call's acknowledgement for its own
			want := map[string]string{"JSON": "{x}", "msgpack": "{x}", "number": "53", "raw": "x", "no fields": "{}", "untyped": "{x}"}
			switch {
			case kind == "connection":
				if !errors.Is(err, typednats.ErrStreamAcknowledged) || !strings.Contains(fmt.Sprint(err), `"AUDIT"`) {
					t.Errorf("%s, %s: %v, %v, want ErrStreamAcknowledged with the stream's name", kind, name, got, err)
				}
			case err != nil || fmt.Sprint(got) != want[name]:
				t.Errorf("%s, %s: %v, %v, want %s", kind, name, got, err, want[name])
			}
		}
	}
}

// Where only a stream listens, a client waits in vain and says why.
func TestStreamAloneIsNamedInTheTimeout(t *testing.T) {
	t.Parallel()
	nc, kept := withStream(t, "kept").Connect(t), echo.InSubject("kept")
	for name, call := range map[string]func(d time.Duration) error{
		"client's timeout": func(d time.Duration) error {
			_, err := typednats.RequestService(context.Background(), newClient(t, nc, typednats.WithDefaultTimeout(d)), kept, note{})
			return err
		},
		"deadline": func(d time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			_, err := typednats.RequestService(ctx, newClient(t, nc), kept, note{})
			return err
		},
	} {
		var err error
		for d := 20 * time.Millisecond; d < patience; d *= 2 { // the acknowledgement must have come by then
			if err = call(d); errors.Is(err, typednats.ErrStreamAcknowledged) {
				break
			}
		}
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(fmt.Sprint(err), `"AUDIT"`) {
			t.Errorf("%s: %v, want context.DeadlineExceeded with the stream's name", name, err)
		}
	}
}

// Who wants the acknowledgement gets it.
func TestAcknowledgementCanBeAskedFor(t *testing.T) {
	t.Parallel()
	srv := withStream(t, "kept")
	publish := typednats.NewEndpoint[note, acknowledged, typednats.Never]("publish").InSubject("kept")
	lower := typednats.NewEndpoint[note, struct{ Seq int }, typednats.Never]("publish").InSubject("kept")
	library := typednats.NewEndpoint[note, *nats.PubAck, typednats.Never]("publish").InSubject("kept")
	embedded := typednats.NewEndpoint[note, struct {
		acknowledged

		Domain string `json:"domain"`
	}, typednats.Never]("publish").InSubject("kept")
	for kind, r := range requesters(t, srv.Connect(t)) {
		for name, call := range map[string]func() (any, error){
			"endpoint":          func() (any, error) { return typednats.RequestService(within(t), r, publish, note{}) },
			"one of its fields": func() (any, error) { return typednats.RequestService(within(t), r, lower, note{}) },
			"nats.go's type":    func() (any, error) { return typednats.RequestService(within(t), r, library, note{}) },
			"embedded":          func() (any, error) { return typednats.RequestService(within(t), r, embedded, note{}) },
			"map":               func() (any, error) { return typednats.Request[note, map[string]any](within(t), r, "kept", note{}) },
			"anything":          func() (any, error) { return typednats.Request[note, any](within(t), r, "kept", note{}) },
			"JSON as it came":   func() (any, error) { return typednats.Request[note, json.RawMessage](within(t), r, "kept", note{}) },
			"only that it came": func() (any, error) { return typednats.Request[note, struct{}](within(t), r, "kept", note{}) },
			"bytes": func() (any, error) {
				return typednats.Request[[]byte, []byte](within(t), r, "kept", nil, typednats.WithCallCodec(raw.Codec))
			},
			"through Requester": func() (any, error) { return r.RequestMsgWithContext(within(t), &nats.Msg{Subject: "kept"}) },
			"JetStream's errors": func() (any, error) {
				return typednats.Request[note, acknowledged](within(t), r, "kept", note{}, typednats.WithHeader("Nats-Expected-Stream", "OTHER"))
			},
		} {
			if got, err := call(); err != nil {
				t.Errorf("%s, %s: %v, %v", kind, name, got, err)
			}
		}
	}
}

// A service may send what looks like an acknowledgement; it says that it is none.
func TestReplyThatLooksLikeAnAcknowledgement(t *testing.T) {
	t.Parallel()
	const body = `{"stream":"AUDIT","seq":1}`
	text := typednats.NewEndpoint[string, string, typednats.Never]("text").WithCodec(raw.Codec)
	anything := typednats.NewEndpoint[note, json.RawMessage, typednats.Never]("anything")
	eachWay(t, []typednats.BoundEndpoint{
		text.Handle(func(context.Context, string) (string, error) { return body, nil }),
		anything.Handle(func(context.Context, note) (json.RawMessage, error) { return json.RawMessage(body), nil }),
	}, func(t way) {
		got, err := typednats.RequestService(within(t), t.r, text, "x")
		if err != nil || got != body {
			t.Errorf("raw: %q, %v", got, err)
		}
		data, err := typednats.RequestService(within(t), t.r, anything, note{})
		if err != nil || string(data) != body {
			t.Errorf("JSON: %q, %v", data, err)
		}
	})
}

// JetStream says in a status that there is no such message. Into bytes, or into nothing, that was an empty success.
func TestStatusIsNoEmptySuccess(t *testing.T) {
	t.Parallel()
	srv := typednatstest.Run(t, func(o *server.Options) { o.JetStream, o.StoreDir = true, t.TempDir() })
	js, err := srv.Connect(t).JetStream()
	if err != nil {
		t.Fatal(err)
	}
	settings, err := js.CreateKeyValue(&nats.KeyValueConfig{Bucket: "settings", Storage: nats.MemoryStorage})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := settings.PutString("color", "red"); err != nil {
		t.Fatal(err)
	}
	const read = "$JS.API.DIRECT.GET.KV_settings.$KV.settings."
	for kind, r := range requesters(t, srv.Connect(t)) {
		for name, get := range map[string]func(key string) (string, error){
			"text": func(key string) (string, error) {
				return typednats.Request[string, string](within(t), r, read+key, "", typednats.WithCallCodec(raw.Codec))
			},
			"nothing": func(key string) (string, error) {
				_, err := typednats.Request[struct{}, struct{}](within(t), r, read+key, struct{}{})
				return "", err
			},
		} {
			if got, err := get("color"); err != nil || name == "text" && got != "red" {
				t.Errorf("%s, %s: %q, %v", kind, name, got, err)
			}
			_, err := get("size")
			compareFailure(t, kind+", "+name, serviceError(404, "Message Not Found"), err)
			if run, known := typednats.WasRun(err); !run || !known {
				t.Errorf("%s, %s: WasRun = %v, %v", kind, name, run, known)
			}
		}
	}
}
