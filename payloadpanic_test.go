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
	"github.com/typednats/typednats/typednatstest"
)

// mine is a payload whose methods go off when it says so.
type mine struct{ at string }

var errMine = errors.New("stepped on it")

func (m mine) goOff(at string) {
	if m.at == at {
		panic(fmt.Errorf("in %s: %w", at, errMine))
	}
}

func (m mine) MarshalText() ([]byte, error) {
	m.goOff("MarshalText")
	return []byte(m.at), nil
}

func (m *mine) UnmarshalText(text []byte) error {
	m.at = strings.TrimPrefix(string(text), "sent ")
	switch m.at {
	case "Unmarshal":
		m.goOff(m.at)
	case "text":
		return minefield{mine{"Error"}}
	}
	return nil
}

// minefield is a declared error with methods that go off.
type minefield struct{ Mine mine }

func (m minefield) Error() string {
	m.Mine.goOff("Error")
	return "a minefield"
}

func (m minefield) ErrorCode() int {
	m.Mine.goOff("ErrorCode")
	return 409
}

func TestPanicsOfPayloadsOnAService(t *testing.T) {
	t.Parallel()
	nc, reports := typednatstest.Server(t), make(reportLog, 16)
	answers := typednats.NewEndpoint[mine, mine, minefield]("mines").WithCodec(json.Codec, msgpack.Codec)
	mapped := answers.InSubject("mapped").WithErrorMapper(func(m minefield) (string, int) {
		m.Mine.goOff("mapper")
		return "a minefield", 409
	})
	handle := func(_ context.Context, in mine) (mine, error) {
		if declared, ok := strings.CutPrefix(in.at, "error "); ok {
			return mine{}, minefield{mine{declared}}
		}
		return in, nil
	}
	start(t, nc, config(reports.config), answers.Handle(handle), mapped.Handle(handle))
	for _, tt := range []struct{ subject, at, want, report string }{
		{"mines", "sent Unmarshal", "500:internal error", "decode request into typednats_test.mine: panic: in Unmarshal: stepped on it"},
		{"mines", "sent text", "500:internal error", "decode request into typednats_test.mine: panic: in Error: stepped on it"},
		{"mines", "sent MarshalText", "500:reply cannot be encoded", "encode reply typednats_test.mine: panic: in MarshalText: stepped on it"},
		{"mines", "error MarshalText", "500:reply cannot be encoded", "encode error typednats_test.minefield: panic: in MarshalText: stepped on it"},
		{"mines", "error Error", "500:internal error", "describe error typednats_test.minefield: panic: in Error: stepped on it"},
		{"mines", "error ErrorCode", "500:internal error", "describe error typednats_test.minefield: panic: in ErrorCode: stepped on it"},
		{"mapped", "error mapper", "500:internal error", "describe error typednats_test.minefield: panic: in mapper: stepped on it"},
	} {
		for contentType, body := range map[string]string{
			"application/json": fmt.Sprintf("%q", tt.at), "application/msgpack": string([]byte{0xa0 | byte(len(tt.at))}) + tt.at,
		} {
			reply := exchange(t, nc, tt.subject, headerOf("Content-Type", contentType), body)
			compare(t, tt.at+" in "+contentType, tt.want, failureOf(reply))
			report := await(t, reports, "the report of "+tt.at)
			compare(t, "report", tt.report, report.Err.Error())
			if !errors.Is(report.Err, errMine) || report.Endpoint != "mines" || report.Subject != tt.subject {
				t.Errorf("%s: report %+v, want one of the panic with its endpoint", tt.at, report)
			}
			if !strings.Contains(string(report.Stack), "goOff") {
				t.Errorf("%s: the stack is not the method's:\n%s", tt.at, report.Stack)
			}
		}
	}
	if failure := failureOf(exchange(t, nc, "mines", nil, `"sent well"`)); failure != "" {
		t.Errorf("afterwards: %s", failure)
	}
}

func TestPanicsOfPayloadsOnAClient(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	for _, codec := range bothCodecs() {
		e := typednats.NewEndpoint[mine, mine, minefield]("mines").WithCodec(codec)
		body, err := codec.Marshal("sent Unmarshal")
		if err != nil {
			t.Fatal(err)
		}
		field, err := codec.Marshal(map[string]string{"Mine": "sent Unmarshal"})
		if err != nil {
			t.Fatal(err)
		}
		success := strings.TrimPrefix(codec.ContentType(), "application/")
		failure := success + ".failure"
		answer(t, nc, success, func(*nats.Msg) *nats.Msg { return &nats.Msg{Data: body} })
		answer(t, nc, failure, func(*nats.Msg) *nats.Msg {
			return &nats.Msg{Data: field, Header: headerOf(
				"Nats-Service-Error", "a minefield", "Nats-Service-Error-Code", "409", "Nats-Service-Error-Type", "minefield")}
		})
		for name, r := range requesters(t, nc) {
			_, err := typednats.RequestService(within(t), r, e.InSubject(success), mine{"MarshalText"})
			if !errors.Is(err, typednats.ErrEncodeRequest) || !errors.Is(err, errMine) || !strings.Contains(err.Error(), "panic: in MarshalText") {
				t.Errorf("%s: %v, want ErrEncodeRequest with the panic", name, err)
			}
			_, err = typednats.RequestService(within(t), r, e.InSubject(success), mine{"well"})
			if !errors.Is(err, typednats.ErrDecodeReply) || !errors.Is(err, errMine) || !strings.Contains(err.Error(), "panic: in Unmarshal") {
				t.Errorf("%s: %v, want ErrDecodeReply with the panic", name, err)
			}
			_, err = typednats.RequestService(within(t), r, e.InSubject(failure), mine{"well"})
			if !errors.Is(err, typednats.ErrDecodeReply) || !errors.Is(err, errMine) || codeOf(err) != "409:a minefield" {
				t.Errorf("%s: %v, want the ServiceError and the panic", name, err)
			}
		}
	}
}
