package discovery

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/micro"
)

const (
	// What nats.js, whose averages can have a fraction, answers.
	statsFromJS = `{"type":"io.nats.micro.v1.stats_response","name":"stock","id":"X1","version":"0.0.1",` +
		`"started":"2024-05-06T07:08:09.123Z","endpoints":[{"name":"check","subject":"stock.check","num_requests":3,` +
		`"num_errors":0,"processing_time":1000000,"average_processing_time":333333.3333333333}]}`
	pingFromGo = `{"name":"stock","id":"X1","version":"1.2.3","metadata":{"a":"b"},` +
		`"type":"io.nats.micro.v1.ping_response"}`
	infoFromGo = `{"name":"stock","id":"X1","version":"1.2.3","metadata":null,` +
		`"type":"io.nats.micro.v1.info_response","description":"","endpoints":[{"name":"check",` +
		`"subject":"stock.check","queue_group":"q","metadata":null}]}`
	statsFromGo = `{"name":"stock","id":"X1","version":"1.2.3","metadata":{},` +
		`"type":"io.nats.micro.v1.stats_response","started":"2024-05-06T07:08:09.123456789Z","endpoints":[{` +
		`"name":"check","subject":"stock.check","queue_group":"q","num_requests":9007199254740993,"num_errors":1,` +
		`"last_error":"500:no","processing_time":9007199254740993,"average_processing_time":1,"data":{"x":[1,2]}}]}`
)

func TestParseStats(t *testing.T) {
	t.Parallel()
	const head = `{"type":"io.nats.micro.v1.stats_response","name":"stock","id":"X1"`
	identity := micro.ServiceIdentity{Name: "stock", ID: "X1"}
	versioned := func(v string, metadata map[string]string) micro.ServiceIdentity {
		return micro.ServiceIdentity{Name: "stock", ID: "X1", Version: v, Metadata: metadata}
	}
	type endpoints []*micro.EndpointStats
	for name, c := range map[string]struct {
		data string
		want micro.Stats
		odd  []string
	}{
		"from nats.go": {data: statsFromGo, want: micro.Stats{
			ServiceIdentity: versioned("1.2.3", map[string]string{}),
			Started:         time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.UTC),
			Endpoints: endpoints{&micro.EndpointStats{
				Name: "check", Subject: "stock.check", QueueGroup: "q", NumRequests: 1<<53 + 1, NumErrors: 1,
				LastError: "500:no", ProcessingTime: 1<<53 + 1, AverageProcessingTime: 1,
				Data: json.RawMessage(`{"x":[1,2]}`),
			}},
		}},
		"from nats.js": {data: statsFromJS, want: micro.Stats{
			ServiceIdentity: versioned("0.0.1", nil),
			Started:         time.Date(2024, 5, 6, 7, 8, 9, 123000000, time.UTC),
			Endpoints: endpoints{&micro.EndpointStats{
				Name: "check", Subject: "stock.check", NumRequests: 3, ProcessingTime: time.Millisecond,
				AverageProcessingTime: 333333,
			}},
		}},
		"without endpoints": {data: head + `}`, want: micro.Stats{ServiceIdentity: identity}},
		"with no endpoint": {
			data: head + `,"endpoints":[]}`,
			want: micro.Stats{ServiceIdentity: identity, Endpoints: endpoints{}},
		},
		"null times": {
			data: head + `,"endpoints":[{"processing_time":null,"average_processing_time":1.5e3}]}`,
			want: micro.Stats{
				ServiceIdentity: identity,
				Endpoints:       endpoints{&micro.EndpointStats{AverageProcessingTime: 1500}},
			},
		},
		"null endpoint": {
			data: head + `,"endpoints":[null,{"name":"check"}]}`,
			want: micro.Stats{ServiceIdentity: identity, Endpoints: endpoints{&micro.EndpointStats{Name: "check"}}},
			odd:  []string{"endpoints[0] is null"},
		},
		"times of other kinds": {
			data: head + `,"endpoints":[{"name":"check","processing_time":"8s","average_processing_time":1e19}]}`,
			want: micro.Stats{ServiceIdentity: identity, Endpoints: endpoints{&micro.EndpointStats{Name: "check"}}},
			odd:  []string{`endpoints[0].processing_time is "8s"`, "endpoints[0].average_processing_time is 1e19"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, who, err := parseStats([]byte(c.data))
			if err != nil {
				t.Fatal(err)
			}
			c.want.Type = micro.StatsResponseType
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if want := (instance{c.want.Name, c.want.ID}); who.instance != want {
				t.Errorf("instance %v, want %v", who.instance, want)
			}
			if diff := cmp.Diff(c.odd, who.odd.fields); diff != "" {
				t.Errorf("odd fields (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzParse: whatever the bytes are, an answer without an error is complete, and reads the same once written again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		pingFromGo, infoFromGo, statsFromGo, statsFromJS, "", "null", "[]", "{}", `{"endpoints":[null]}`, `{"id":1}`,
		`{"type":"io.nats.micro.v1.stats_response","name":"a","id":"b","endpoints":[{"processing_time":-1e-9}]}`,
		`{"type":"io.nats.micro.v1.stats_response","name":"a","id":"b","metadata":{"k":1},"started":"?","endpoints":[7,` +
			`{"num_requests":"1","metadata":[]}]}`,
		`{"type":"io.nats.micro.v1.info_response","name":"a","id":"b","description":5,"endpoints":[null,{"metadata":1}]}`,
		`{"TYPE":"io.nats.micro.v1.ping_response","Name":"a","ID":"b"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkParse(t, data, parsePing, micro.PingResponseType, func(a micro.Ping) string { return a.Type })
		checkParse(t, data, parseInfo, micro.InfoResponseType, func(a micro.Info) string { return a.Type })
		checkParse(t, data, parseStats, micro.StatsResponseType, func(a micro.Stats) string {
			for i, e := range a.Endpoints {
				if e == nil {
					t.Errorf("endpoint %d is nil", i)
				}
			}
			return a.Type
		})
	})
}

func checkParse[A any](
	t *testing.T, data []byte, parse func([]byte) (A, author, error), want string, typeOf func(A) string,
) {
	t.Helper()
	answer, who, err := parse(data)
	if err != nil {
		return
	}
	if got := typeOf(answer); got != want || who.name == "" || who.id == "" {
		t.Errorf("accepted type %q, name %q, id %q", got, who.name, who.id)
	}
	once, err := json.Marshal(answer)
	if err != nil {
		t.Fatalf("marshal what was parsed: %v", err)
	}
	again, who, err := parse(once)
	if err == nil {
		err = who.odd.err(who.instance)
	}
	if err != nil {
		t.Fatalf("parse %s: %v", once, err)
	}
	twice, err := json.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(once), string(twice)); diff != "" {
		t.Errorf("written again (-first +second):\n%s", diff)
	}
}
