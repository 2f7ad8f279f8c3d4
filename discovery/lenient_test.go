package discovery_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/discovery"
	"github.com/typednats/typednats/typednatstest"
)

// told collects what the function of discovery.WithReplyError is given.
func told(errs *[]error) discovery.Option {
	return discovery.WithReplyError(func(_ string, err error) { *errs = append(*errs, err) })
}

// foreign answers a question of the service "stock" as no library of NATS would, and returns who asks it.
func foreign(t *testing.T, verb, fields string, opts ...discovery.Option) *discovery.Client {
	t.Helper()
	nc := typednatstest.Server(t)
	kind := fmt.Sprintf(`"type":"io.nats.micro.v1.%s_response"`, strings.ToLower(verb))
	answer(t, nc, "$SRV."+verb, func(m *nats.Msg) { respond(t, m, []byte("{"+kind+","+fields+"}")) })
	return discovery.New(nc, append(opts, discovery.WithMaxWait(forever), discovery.WithMaxResults(1))...)
}

// checkOdd is about the one error for each answer whose fields are not all what they should be.
func checkOdd(t *testing.T, want string, got []error) {
	t.Helper()
	if want == "" && len(got) == 0 {
		return
	}
	want = `service "stock", instance "X1": field of an unexpected type: ` + want
	if len(got) != 1 || !errors.Is(got[0], discovery.ErrOddField) || got[0].Error() != want {
		t.Errorf("told %v, want %s", got, want)
	}
}

func TestPingWithOddFields(t *testing.T) {
	t.Parallel()
	const who = `"name":"stock","id":"X1"`
	for fields, c := range map[string]struct {
		want micro.ServiceIdentity
		odd  string
	}{
		`"version":2`:                   {odd: "version is 2"},
		`"version":null`:                {},
		`"version":"1","metadata":null`: {want: micro.ServiceIdentity{Version: "1"}},
		`"version":"1","metadata":[]`:   {want: micro.ServiceIdentity{Version: "1"}, odd: "metadata is an array"},
		`"metadata":"none"`:             {odd: `metadata is "none"`},
		`"metadata":{"b":1,"a":{},"c":"x"}`: {
			want: micro.ServiceIdentity{Metadata: map[string]string{"c": "x"}},
			odd:  `metadata["a"] is an object, metadata["b"] is 1`,
		},
		`"metadata":{"a":1}`: {
			want: micro.ServiceIdentity{Metadata: map[string]string{}},
			odd:  `metadata["a"] is 1`,
		},
	} {
		t.Run(fields, func(t *testing.T) {
			t.Parallel()
			var got []error
			pings, err := foreign(t, "PING", who+","+fields, told(&got)).Ping(patient(t))
			if err != nil {
				t.Fatal(err)
			}
			c.want.Name, c.want.ID = "stock", "X1"
			want := []micro.Ping{{ServiceIdentity: c.want, Type: micro.PingResponseType}}
			if diff := cmp.Diff(want, pings); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			checkOdd(t, c.odd, got)
		})
	}
}

func TestInfoWithOddFields(t *testing.T) {
	t.Parallel()
	const who = `"name":"stock","id":"X1","version":"1.2.3"`
	check := micro.EndpointInfo{Name: "check", Subject: "stock.check", QueueGroup: "q", Metadata: map[string]string{"a": "b"}}
	const checkJSON = `{"name":"check","subject":"stock.check","queue_group":"q","metadata":{"a":"b"}}`
	for fields, c := range map[string]struct {
		description string
		want        []micro.EndpointInfo
		odd         string
	}{
		`"description":"d","endpoints":null`:              {description: "d"},
		`"description":5,"endpoints":[` + checkJSON + `]`: {want: []micro.EndpointInfo{check}, odd: "description is 5"},
		`"description":"d","endpoints":{"check":1}`:       {description: "d", odd: "endpoints is an object"},
		`"description":"d","endpoints":["check",` + checkJSON + `,null]`: {
			description: "d", want: []micro.EndpointInfo{check}, odd: `endpoints[0] is "check", endpoints[2] is null`,
		},
		`"endpoints":[null]`: {want: []micro.EndpointInfo{}, odd: "endpoints[0] is null"},
		`"endpoints":[{"name":"check","queue_group":null,"metadata":null}]`: {
			want: []micro.EndpointInfo{{Name: "check"}},
		},
		`"endpoints":[{"name":1,"subject":"s","queue_group":false,"metadata":{"a":"b","c":[]}}]`: {
			want: []micro.EndpointInfo{{Subject: "s", Metadata: map[string]string{"a": "b"}}},
			odd:  `endpoints[0].name is 1, endpoints[0].queue_group is false, endpoints[0].metadata["c"] is an array`,
		},
	} {
		t.Run(fields, func(t *testing.T) {
			t.Parallel()
			var got []error
			infos, err := foreign(t, "INFO", who+","+fields, told(&got)).Info(patient(t))
			if err != nil {
				t.Fatal(err)
			}
			want := []micro.Info{{
				ServiceIdentity: micro.ServiceIdentity{Name: "stock", ID: "X1", Version: "1.2.3"},
				Type:            micro.InfoResponseType,
				Description:     c.description,
				Endpoints:       c.want,
			}}
			if diff := cmp.Diff(want, infos); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			checkOdd(t, c.odd, got)
		})
	}
}

func TestStatsWithOddFields(t *testing.T) {
	t.Parallel()
	started := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	const who, startedJSON = `"name":"stock","id":"X1"`, `"started":"2024-05-06T07:08:09Z"`
	for fields, c := range map[string]struct {
		noStart bool
		want    []*micro.EndpointStats
		odd     string
	}{
		`"started":"not a time"`:            {noStart: true, odd: `started is "not a time"`},
		`"started":1714979289`:              {noStart: true, odd: "started is 1714979289"},
		`"started":null`:                    {noStart: true},
		startedJSON + `,"endpoints":"none"`: {odd: `endpoints is "none"`},
		startedJSON + `,"endpoints":[{"name":"check","num_requests":"7","num_errors":1.5,"last_error":{"code":500},` +
			`"processing_time":"1ms","average_processing_time":1.5}]`: {
			want: []*micro.EndpointStats{{Name: "check", AverageProcessingTime: 2}},
			odd: `endpoints[0].num_requests is "7", endpoints[0].num_errors is 1.5, ` +
				`endpoints[0].last_error is an object, endpoints[0].processing_time is "1ms"`,
		},
		startedJSON + `,"endpoints":[{"name":"check","num_requests":-1,"queue_group":null,"data":"any"}]`: {
			want: []*micro.EndpointStats{{Name: "check", NumRequests: -1, Data: json.RawMessage(`"any"`)}},
		},
		startedJSON + `,"endpoints":[{"name":"check","num_requests":1e19,"data":[1,{"a":null}]}]`: {
			want: []*micro.EndpointStats{{Name: "check", Data: json.RawMessage(`[1,{"a":null}]`)}},
			odd:  "endpoints[0].num_requests is 1e19",
		},
	} {
		t.Run(fields, func(t *testing.T) {
			t.Parallel()
			var got []error
			stats, err := foreign(t, "STATS", who+","+fields, told(&got)).Stats(patient(t))
			if err != nil {
				t.Fatal(err)
			}
			want := micro.Stats{
				ServiceIdentity: micro.ServiceIdentity{Name: "stock", ID: "X1"},
				Type:            micro.StatsResponseType,
				Started:         started,
				Endpoints:       c.want,
			}
			if c.noStart {
				want.Started = time.Time{}
			}
			if diff := cmp.Diff([]micro.Stats{want}, stats); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			checkOdd(t, c.odd, got)
		})
	}
}

// TestOddFieldsAreNamedShortly has an answer in which everything is odd, and long.
func TestOddFieldsAreNamedShortly(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1000)
	endpoints := strings.Repeat(`"`+long+`",`, 20) + "1"
	var got []error
	client := foreign(t, "INFO", `"name":"stock","id":"X1","metadata":{"`+long+`":7},"endpoints":[`+endpoints+`]`, told(&got))
	if infos, err := client.Info(patient(t)); err != nil || len(infos) != 1 {
		t.Fatalf("%v and error %v, want one", infos, err)
	}
	if len(got) != 1 || len(got[0].Error()) > 1000 || !strings.HasSuffix(got[0].Error(), ", and 14 more") {
		t.Errorf("told %v, want little", got)
	}
}

// TestOddFieldsOfWhatIsDropped: the reason is that it is dropped, not what else is wrong with it.
func TestOddFieldsOfWhatIsDropped(t *testing.T) {
	t.Parallel()
	nc := typednatstest.Server(t)
	answer(t, nc, "$SRV.PING.stock", func(m *nats.Msg) {
		for _, fields := range []string{
			`"type":5,"name":"stock","id":"X1"`,
			`"type":"io.nats.micro.v1.ping_response","name":"stock","id":5`,
			`"type":"io.nats.micro.v1.ping_response","name":5,"id":"X1"`,
			`"type":"io.nats.micro.v1.ping_response","name":"price","id":"X1","version":5`,
			`"type":"io.nats.micro.v1.ping_response","name":"stock","id":"X1"`,
		} {
			respond(t, m, []byte("{"+fields+"}"))
		}
	})
	var got []string
	client := discovery.New(nc, discovery.WithMaxWait(forever), discovery.WithMaxResults(1),
		discovery.WithReplyError(func(_ string, err error) { got = append(got, err.Error()) }))
	pings, err := client.PingService(patient(t), "stock")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"X1"}, ids(pings)); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	want := []string{
		`answer of type "" instead of "io.nats.micro.v1.ping_response"`,
		`answer of service "stock" without an instance id`,
		"answer without a service name",
		`answer of service "price", which was not asked`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
}
