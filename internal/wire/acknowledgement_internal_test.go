package wire

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

func TestAcknowledgingStream(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"stream":"A","seq":1}`:                                   "A",
		`{"stream":"A","domain":"hub","seq":18446744073709551615}`: "A",
		`{"stream":"A","seq":1,"duplicate": true}`:                 "A",
		`{"stream":"A","seq":1,"val":"5"}`:                         "A",
		`{"stream":"A","seq":1,"batch":"b","count":3}`:             "A",
		`{"error":{"code":503,"err_code":1},"stream":"A","seq":0}`: "A",
		`{"stream":"A"}`:                     "",
		`{"stream":"A","seq":-1}`:            "",
		`{"stream":"A","seq":"1"}`:           "",
		`{"stream":"A","seq":1,"title":"x"}`: "",
		`{"stream":"A","seq":1} `:            "",
		`{"stream":"A","seq":1}{}`:           "",
		`{"stream":"A","seq":1`:              "",
		`{"stream":{"name":"A"},"seq":1}`:    "",
		`{"seq":1,"stream":"A"}`:             "",
		`{"error":{"code":404}}`:             "",
		`{"error":"x","stream":"A","seq":0}`: "",
		`{}`:                                 "",
		``:                                   "",
		`{"stream":"A","seq":1,"val":"` + strings.Repeat("5", 1<<13) + `"}`:  "",
		`{"type":"io.nats.jetstream.api.v1.account_info_response","seq": 1}`: "",
	} {
		if got := AcknowledgingStream(&nats.Msg{Data: []byte(body)}); got != want {
			t.Errorf("%.60s: stream %q, want %q", body, got, want)
		}
	}
	header := NotAnAcknowledgement("")
	if got := AcknowledgingStream(&nats.Msg{Header: header, Data: []byte(`{"stream":"A","seq":1}`)}); got != "" {
		t.Errorf("a reply with headers is taken for the acknowledgement of %q", got)
	}
}
