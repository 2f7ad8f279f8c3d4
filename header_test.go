package typednats_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/typednatstest"
)

// TestHeaderNamesOfAnotherLanguage has a caller that writes names as HTTP/2 does, and a service that does.
func TestHeaderNamesOfAnotherLanguage(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	start(t, nc, config(), echo.WithCodec(json.Codec, msgpack.Codec).HandleWith(
		func(ctx context.Context, r *typednats.ServiceRequest[note]) (note, error) {
			deadline, ok := ctx.Deadline()
			if !ok || deadline.IsZero() {
				return note{}, errors.New("the timeout was not read")
			}
			return note{typednats.HeaderValue(r.Header, "Trace") + r.Value.Text}, nil
		}))
	for _, contentType := range []string{"application/msgpack", "application/x-msgpack", "Application/VND.msgpack"} {
		reply := exchange(t, nc, "echo",
			headerOf("content-type", contentType, "TYPEDNATS-TIMEOUT", "60000", "trace", "7-"), "\x81\xa4text\xa1x")
		if failureOf(reply) != "" || string(reply.Data) != "\x81\xa4text\xa37-x" {
			t.Errorf("%s: %q %q", contentType, failureOf(reply), reply.Data)
		}
	}
	answer(t, nc, "foreign", func(*nats.Msg) *nats.Msg {
		return &nats.Msg{Data: []byte(`{"text":"never"}`), Header: headerOf("nats-service-error", "no", "nats-service-error-code", "404")}
	})
	for kind, r := range requesters(t, nc) {
		_, err := typednats.RequestService(within(t), r, echo.InSubject("foreign"), note{})
		if se, ok := errors.AsType[*typednats.ServiceError](err); !ok || se.Code != 404 || se.Description != "no" {
			t.Errorf("%s: %v, want the error", kind, err)
		}
	}
}

// TestHeaderValuesAreASCII has values that would end the reader of a Java client.
func TestHeaderValuesAreASCII(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	values := make(chan string, 1)
	reports := make(reportLog, 1)
	start(t, nc, config(reports.config), echo.HandleWith(func(_ context.Context, r *typednats.ServiceRequest[note]) (note, error) {
		r.ReplyHeader().Set("Answer", <-values)
		return r.Value, nil
	}))
	for _, value := range []string{"gr\u00fcn", "a\nb", "a\r\nStatus: 503", "\x00", "\xff", "\x7f"} {
		for _, r := range []typednats.Requester{nc, typednats.NewClient(nc, typednats.WithDefaultHeader("Note", value))} {
			_, err := typednats.RequestService(within(t), r, echo, note{}, typednats.WithHeader("Note", value))
			if !errors.Is(err, typednats.ErrInvalidConfig) || !strings.Contains(err.Error(), `"Note"`) {
				t.Errorf("%q: %v", value, err)
			}
		}
		values <- value
		_, err := typednats.RequestService(within(t), nc, echo, note{})
		compareFailure(t, value, serviceError(500, "internal error"), err)
		if got := await(t, reports, "the report").Err; !strings.Contains(got.Error(), `reply header "Answer"`) {
			t.Errorf("%q: reported %v", value, got)
		}
	}
	values <- "plain \t~"
	var header nats.Header
	if _, err := typednats.RequestService(within(t), nc, echo, note{}, typednats.WithReplyHeader(&header)); err != nil {
		t.Error(err)
	}
	compare(t, "header", []string{"plain \t~"}, header["Answer"])
}

// TestDescriptionsArriveInFull has texts that are not ASCII, from the service to the caller.
func TestDescriptionsArriveInFull(t *testing.T) {
	t.Parallel()
	const text = "kein St\u00fcck mehr \U0001f600"
	bound := echo.Handle(func(context.Context, note) (note, error) { return note{}, typednats.Errorf(404, text) })
	eachWay(t, []typednats.BoundEndpoint{bound}, func(t way) {
		_, err := typednats.RequestService(within(t), t.r, echo, note{})
		compareFailure(t, "call", serviceError(404, text), err)
	})
}
