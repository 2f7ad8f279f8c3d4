package contract_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/contract"
)

func TestExcept(t *testing.T) {
	t.Parallel()
	findings := []contract.Finding{
		{Level: contract.Breaking, Rule: contract.RuleType, Endpoint: "a", Path: "request.items[].n", Rollout: contract.ServiceFirst},
		{Level: contract.Breaking, Rule: contract.RuleType, Endpoint: "a", Path: "request.itemsold", Rollout: contract.ServiceFirst},
		{Level: contract.Breaking, Rule: contract.RuleNull, Endpoint: "b", Path: "reply", Rollout: contract.ClientFirst},
	}
	for _, test := range []struct {
		name       string
		exceptions []contract.Exception
		want       []string
	}{
		{"none", nil, []string{"breaking type request.items[].n", "breaking type request.itemsold", "breaking null reply"}},
		{
			"by rule", []contract.Exception{{Rule: contract.RuleType, Reason: "r"}},
			[]string{"info type request.items[].n: r", "info type request.itemsold: r", "breaking null reply"},
		},
		{
			"below a path", []contract.Exception{{Rule: contract.RuleType, Path: "request.items", Reason: "r"}},
			[]string{"breaking type request.itemsold", "info type request.items[].n: r", "breaking null reply"},
		},
		{
			"by path", []contract.Exception{{Rule: contract.RuleType, Path: "request.itemsold", Reason: "r"}},
			[]string{"breaking type request.items[].n", "info type request.itemsold: r", "breaking null reply"},
		},
		{
			"by order of rollout", []contract.Exception{{Rule: contract.RuleNull, Rollout: contract.ClientFirst, Reason: "r"}},
			[]string{"breaking type request.items[].n", "breaking type request.itemsold", "info null reply: r"},
		},
		{
			"the first counts", []contract.Exception{{Rule: contract.RuleNull, Reason: "r"}, {Rule: contract.RuleNull, Endpoint: "b", Reason: "s"}},
			[]string{"breaking type request.items[].n", "breaking type request.itemsold", "info null reply: r"},
		},
		{
			"the other order of rollout", []contract.Exception{{Rule: contract.RuleNull, Rollout: contract.ServiceFirst, Reason: "r"}},
			[]string{"warning exception ", "breaking type request.items[].n", "breaking type request.itemsold", "breaking null reply"},
		},
		{
			"another endpoint", []contract.Exception{{Rule: contract.RuleType, Endpoint: "b", Reason: "r"}},
			[]string{"breaking type request.items[].n", "breaking type request.itemsold", "breaking null reply", "warning exception "},
		},
		{
			"no reason", []contract.Exception{{Rule: contract.RuleType, Endpoint: "a", Reason: " "}},
			[]string{"breaking exception ", "breaking type request.items[].n", "breaking type request.itemsold", "breaking null reply"},
		},
		{
			"no rule", []contract.Exception{{Reason: "r"}},
			[]string{"breaking exception ", "breaking type request.items[].n", "breaking type request.itemsold", "breaking null reply"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range contract.Except(findings, test.exceptions...) {
				line := f.Level.String() + " " + string(f.Rule) + " " + f.Path
				if f.Accepted != "" {
					line += ": " + f.Accepted
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if findings[0].Level != contract.Breaking {
		t.Error("Except changed the findings that it was given")
	}
}

// TestFindingString: everything that a finding says is on one line.
func TestFindingString(t *testing.T) {
	t.Parallel()
	f := contract.Finding{
		Level: contract.Breaking, Rule: contract.RuleType, Endpoint: "reserve", Path: "request.n", Message: "a string for a number",
		Advice: "think again", Rollout: contract.ServiceFirst, Hurt: contract.OldClients, Instances: []string{"i1", "i2"},
	}
	want := "breaking: reserve request.n: a string for a number [type]; hurts old clients, service first; on i1, i2; think again"
	if got := f.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	f.Level, f.Accepted = contract.Info, "nobody calls it"
	want = "info: reserve request.n: a string for a number [type]; hurts old clients, service first; on i1, i2; accepted: nobody calls it"
	if got := f.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := (contract.Finding{Rule: contract.RuleLimit, Message: "m"}).String(), "info: m [limit]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestFindingJSON: findings are output of programs, too.
func TestFindingJSON(t *testing.T) {
	t.Parallel()
	want := contract.Finding{Level: contract.Warning, Rule: contract.RuleCase, Path: "reply.a", Message: "m", Instances: []string{"i"}}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if text := `{"level":"warning","rule":"case","path":"reply.a","message":"m","instances":["i"]}`; string(data) != text {
		t.Errorf("got %s, want %s", data, text)
	}
	var got contract.Finding
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := json.Unmarshal([]byte(`{"level":"fatal"}`), &got); err == nil {
		t.Error("there is a level that there is not")
	}
}
