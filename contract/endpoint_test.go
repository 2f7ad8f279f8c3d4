package contract_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/contract"
)

// TestDiffEndpoints has the rows about what is around the bodies.
func TestDiffEndpoints(t *testing.T) {
	t.Parallel()
	const (
		item   = `{"type":"object","properties":{"item":{"type":"string"}}}`
		amount = `{"type":"object","properties":{"amount":{"type":"integer","format":"int32"}}}`
	)
	for _, test := range []struct {
		name         string
		old, changed string
		want         []string
	}{
		{"nothing", ``, ``, nil},
		{"subject", `"subject":"a.b"`, `"subject":"a.c"`, []string{"always: breaking subject"}},
		{"subject becomes a pattern", `"subject":"a.b"`, `"subject":"a.*"`, []string{"client first: breaking subject"}},
		{"pattern becomes all", `"subject":"a.*"`, `"subject":"a.>"`, []string{"client first: breaking subject"}},
		{"pattern has another length", `"subject":"a.*"`, `"subject":"a.*.*"`, []string{"always: breaking subject"}},
		{
			"content type replaced", ``, `"content_types":["application/msgpack"]`, []string{"always: breaking content-type"},
		},
		{"content type accepted besides", ``, `"content_types":["application/json","application/msgpack"]`, []string{"client first: warning content-type"}},
		{
			"another favourite", `"content_types":["application/json","application/msgpack"]`, `"content_types":["application/msgpack","application/json"]`, nil,
		},
		{
			"favourite withdrawn", `"content_types":["application/json","application/msgpack"]`, `"content_types":["application/msgpack"]`,
			[]string{"service first: breaking content-type"},
		},
		{"idempotent withdrawn", `"idempotent":true`, ``, []string{"service first: breaking idempotent"}},
		{"idempotent given", ``, `"idempotent":true`, []string{"client first: breaking idempotent"}},
		{"queue group", ``, `"queue_group":"workers"`, []string{"always: warning queue-group"}},
		{"other queue group", `"queue_group":"a"`, `"queue_group":"b"`, []string{"always: warning queue-group"}},
		{"queue group off", `"queue_group":"a"`, `"queue_group":false`, []string{"always: warning queue-group"}},
		{"deprecated", ``, `"deprecated":"use that"`, []string{"always: info deprecated"}},
		{"still deprecated", `"deprecated":"use this"`, `"deprecated":"use that"`, nil},
		{"not deprecated any more", `"deprecated":"use this"`, ``, nil},
		{"timeout", `"timeout_ms":1000`, `"timeout_ms":500`, []string{"always: info timeout"}},
		{"description", ``, `"description":"words","examples":[{"request":1}]`, nil},
		{"member of another program", ``, `"x-lenient":true`, nil},
		{"member that is not known", ``, `"streams":true`, []string{"always: warning keyword"}},
		{"parameters", ``, `"parameters":["a"]`, []string{"always: warning keyword"}},
		{"request appears", ``, `"request":{"type":"string"}`, []string{
			"service first: breaking body request", "client first: warning ignored request",
		}},
		{"reply appears", ``, `"reply":{"type":"string"}`, []string{"client first: breaking body reply"}},
		{"error added", ``, `"errors":[{"tag":"Gone"}]`, []string{"service first: warning error-unknown errors.Gone"}},
		{"error removed", `"errors":[{"tag":"Gone"}]`, ``, []string{"client first: warning error-unknown errors.Gone"}},
		{
			"error renamed", `"errors":[{"tag":"Gone","code":404,"schema":` + item + `}]`, `"errors":[{"tag":"Lost","code":404,"schema":` + item + `}]`,
			[]string{"client first: breaking error-renamed errors.Gone", "service first: breaking error-renamed errors.Lost"},
		},
		{
			"error renamed without a code", `"errors":[{"tag":"Gone","schema":` + item + `}]`, `"errors":[{"tag":"Lost","schema":` + item + `}]`,
			[]string{"client first: breaking error-renamed errors.Gone", "service first: breaking error-renamed errors.Lost"},
		},
		{
			"error renamed that is empty", `"errors":[{"tag":"Gone","code":404}]`, `"errors":[{"tag":"Lost","code":404}]`,
			[]string{"client first: breaking error-renamed errors.Gone", "service first: breaking error-renamed errors.Lost"},
		},
		{
			"error renamed, of the same type", `"errors":[{"tag":"Gone","schema":{"$ref":"#/$defs/G"}}],"$defs":{"G":{}}`,
			`"errors":[{"tag":"Lost","schema":{"$ref":"#/$defs/G"}}],"$defs":{"G":{"type":"object"}}`,
			[]string{"client first: breaking error-renamed errors.Gone", "service first: breaking error-renamed errors.Lost"},
		},
		{
			"another error", `"errors":[{"tag":"Gone","code":404,"schema":` + item + `}]`, `"errors":[{"tag":"Lost","code":404,"schema":` + amount + `}]`,
			[]string{"client first: warning error-unknown errors.Gone", "service first: warning error-unknown errors.Lost"},
		},
		{
			"another error with another code", `"errors":[{"tag":"Gone","code":404,"schema":` + item + `}]`, `"errors":[{"tag":"Lost","code":410,"schema":` + item + `}]`,
			[]string{"client first: warning error-unknown errors.Gone", "service first: warning error-unknown errors.Lost"},
		},
		{
			"another error without members", `"errors":[{"tag":"Gone","schema":{"type":"object"}}]`, `"errors":[{"tag":"Lost","schema":{"type":"object"}}]`,
			[]string{"client first: warning error-unknown errors.Gone", "service first: warning error-unknown errors.Lost"},
		},
		{
			"error like another one that stays", `"errors":[{"tag":"Gone","schema":` + item + `}]`,
			`"errors":[{"tag":"Gone","schema":` + item + `},{"tag":"Lost","schema":` + item + `}]`,
			[]string{"service first: warning error-unknown errors.Lost"},
		},
		{
			"error renamed with an alias for clients", `"errors":[{"tag":"Gone"}]`, `"errors":[{"tag":"Lost","aliases":["Gone"]}]`,
			[]string{"service first: breaking error-renamed errors.Lost"},
		},
		{
			"error renamed after the alias", `"errors":[{"tag":"Gone","aliases":["Lost"]}]`, `"errors":[{"tag":"Lost","aliases":["Gone"]}]`, nil,
		},
		{
			"body of an error renamed after the alias", `"errors":[{"tag":"Gone","aliases":["Lost"],"schema":` + item + `}]`,
			`"errors":[{"tag":"Lost","aliases":["Gone"],"schema":{"type":"string"}}]`,
			[]string{"client first: breaking type errors.Gone", "service first: breaking type errors.Lost"},
		},
		{"code", `"errors":[{"tag":"Gone","code":404}]`, `"errors":[{"tag":"Gone","code":410}]`, []string{"always: warning error-code errors.Gone"}},
		{"code varies", `"errors":[{"tag":"Gone","code":404}]`, `"errors":[{"tag":"Gone"}]`, []string{"always: warning error-code errors.Gone"}},
		{
			"body of an error disappears", `"errors":[{"tag":"Gone","schema":` + item + `}]`, `"errors":[{"tag":"Gone"}]`,
			[]string{"service first: breaking body errors.Gone"},
		},
		{
			"name in msgpack", `"content_types":["application/json","application/msgpack"],"reply":` + object(`a:{"type":"string"}`),
			`"content_types":["application/json","application/msgpack"],"reply":` + object(`a*:{"type":"string","x-msgpack-name":"z"}`),
			[]string{"client first: breaking required reply.a", "client first: breaking required reply.z"},
		},
		{
			"name in msgpack that nobody sends", `"reply":` + object(`a*:{"type":"string"}`), `"reply":` + object(`a*:{"type":"string","x-msgpack-name":"z"}`), nil,
		},
		{
			"integers as keys become text", `"reply":{"type":"object","additionalProperties":{},"x-keys":{"type":"integer"}}`,
			`"reply":{"type":"object","additionalProperties":{}}`, []string{"service first: breaking type reply{name}"},
		},
		{
			"integers as keys become text in msgpack", `"content_types":["application/msgpack"],"reply":{"type":"object","additionalProperties":{},"x-keys":{"type":"integer"}}`,
			`"content_types":["application/msgpack"],"reply":{"type":"object","additionalProperties":{}}`,
			[]string{"always: breaking type reply{name}"},
		},
		{
			"variant", `"content_types":["application/json","a/b"],"request":{"type":"string"},"variants":{"a/b":{"request":{"type":"string"}}}`,
			`"content_types":["application/json","a/b"],"request":{"type":"string"},"variants":{"a/b":{"request":{"type":"boolean"}}}`,
			[]string{"always: breaking type request"},
		},
		{
			"variant of an error", `"content_types":["application/json","a/b"],"errors":[{"tag":"Gone"}],"variants":{"a/b":{"errors":{"Gone":{"type":"string"}}}}`,
			`"content_types":["application/json","a/b"],"errors":[{"tag":"Gone"}],"variants":{"a/b":{"errors":{"Gone":{"type":"boolean"}}}}`,
			[]string{"always: breaking type errors.Gone"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := contract.Diff(document(t, test.old), document(t, test.changed))
			if diff := cmp.Diff(test.want, briefs(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, f := range got {
				t.Log(f)
			}
		})
	}
}

// TestMeet: what a client asks that looks at a running service.
func TestMeet(t *testing.T) {
	t.Parallel()
	client := document(t, `"request":`+object("a*:"+str)+`,"reply":`+object("a*:"+str)+`,"errors":[{"tag":"Gone"}]`)
	service := document(t, `"deprecated":"moved","request":`+object("b*:"+str)+`,"reply":`+object("a*:"+str, "b*:"+str))
	want := []string{
		"breaking: reserve request.b: the client does not write it, the service needs it [required]; hurts clients; " +
			"make it optional until everybody writes it, and keep writing it while somebody reads it",
		"warning: reserve request.a: the client writes it, the service ignores it [ignored]; hurts clients; " +
			"do not rely on it until everybody reads it",
		`info: reserve: the endpoint is deprecated: "moved" [deprecated]; stop calling it`,
	}
	var got []string
	for _, f := range contract.Meet(client, service) {
		got = append(got, f.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if findings := contract.Meet(client, client); len(findings) > 0 {
		t.Errorf("a client does not fit the service that it was made for: %v", findings)
	}
}

// TestDiffAdvice: the other order of rollout is a way out only if nothing as bad waits there.
func TestDiffAdvice(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		old, changed string
		want         []string
	}{
		{"a way out", object("a*:" + str), object("a*:"+str, "b*:"+str), []string{
			"make it optional until everybody writes it, and keep writing it while somebody reads it, or roll out clients first",
			"do not rely on it until everybody reads it",
		}},
		{"the other way out", object("a*:"+str, "b*:"+str), object("a*:" + str), []string{
			"make it optional until everybody writes it, and keep writing it while somebody reads it, or roll out the service first",
			"do not rely on it until everybody reads it",
		}},
		{"no way out", object("a*:" + str), object("b*:" + str), []string{
			"make it optional until everybody writes it, and keep writing it while somebody reads it",
			"make it optional until everybody writes it, and keep writing it while somebody reads it",
			"do not rely on it until everybody reads it", "do not rely on it until everybody reads it",
		}},
	} {
		var got []string
		for _, f := range contract.Diff(document(t, `"request":`+test.old), document(t, `"request":`+test.changed)) {
			got = append(got, f.Advice)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestDiffAll: endpoints that come, go and move.
func TestDiffAll(t *testing.T) {
	t.Parallel()
	endpoint := func(name, subject, more string) string {
		return `"name":"` + name + `","subject":"` + subject + `"` + more
	}
	const text = `,"request":{"type":"string"}`
	for _, test := range []struct {
		name         string
		old, changed []string
		want         []string
	}{
		{"nothing", []string{endpoint("a", "s.a", ""), endpoint("b", "s.b", text)}, []string{endpoint("b", "s.b", text), endpoint("a", "s.a", "")}, nil},
		{"added", nil, []string{endpoint("a", "s.a", "")}, []string{"a client first: info endpoint-added"}},
		{"removed", []string{endpoint("a", "s.a", "")}, nil, []string{"a service first: breaking endpoint-removed"}},
		{
			"removed and added", []string{endpoint("a", "s.a", "")}, []string{endpoint("b", "s.b", text)},
			[]string{"a service first: breaking endpoint-removed", "b client first: info endpoint-added"},
		},
		{
			"moved", []string{endpoint("a", "s.a", ""), endpoint("b", "s.b", "")}, []string{endpoint("a", "v2.a", ""), endpoint("b", "s.b", "")},
			[]string{"a always: breaking subject"},
		},
		{
			"moved, and served under the old subject too", []string{endpoint("a", "s.a", "")}, []string{endpoint("a", "v2.a", ""), endpoint("a", "s.a", "")},
			[]string{"a client first: info endpoint-added"},
		},
		{
			"renamed, and served under the old subject too", []string{endpoint("a", "s.a", "")}, []string{endpoint("b", "s.b", ""), endpoint("a", "s.a", "")},
			[]string{"b client first: info endpoint-added"},
		},
		{"renamed on its subject", []string{endpoint("a", "s.a", "")}, []string{endpoint("b", "s.a", "")}, []string{"b always: info name"}},
		{
			"renamed", []string{endpoint("a", "s.a", text), endpoint("c", "s.c", text)}, []string{endpoint("b", "s.b", text)},
			[]string{"a always: breaking endpoint-renamed", "c service first: breaking endpoint-removed"},
		},
		{
			"covered by a pattern", []string{endpoint("a", "s.a", "")}, []string{endpoint("b", "s.*", "")},
			[]string{"b client first: breaking subject", "b always: info name"},
		},
		{
			"one name twice", []string{endpoint("a", "v1.a", ""), endpoint("a", "v2.a", text)}, []string{endpoint("a", "v2.a", text), endpoint("a", "v3.a", "")},
			[]string{"a always: breaking subject"},
		},
		{
			"one name twice, and nobody knows which moved", []string{endpoint("a", "v1.a", ""), endpoint("a", "v2.a", text)}, []string{endpoint("a", "v3.a", text)},
			[]string{"a service first: breaking endpoint-removed", "a always: breaking endpoint-renamed"},
		},
		{
			"a name and its subject before another name", []string{endpoint("a", "s.a", ""), endpoint("b", "s.a", text)}, []string{endpoint("b", "s.a", text), endpoint("a", "s.a", "")}, nil,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			service := func(endpoints []string) []contract.Document {
				var documents []contract.Document
				for _, e := range endpoints {
					d, err := contract.Parse([]byte(`{"typednats":1,` + e + `}`))
					if err != nil {
						t.Fatal(err)
					}
					documents = append(documents, d)
				}
				return documents
			}
			var got []string
			for _, f := range contract.DiffAll(service(test.old), service(test.changed)) {
				got = append(got, f.Endpoint+" "+brief(f))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
