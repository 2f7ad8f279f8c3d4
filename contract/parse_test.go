package contract_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/contract"
)

const reserve = `{"typednats":1,"name":"reserve","subject":"warehouse.reserve","description":"Reserves.","idempotent":true,
"timeout_ms":5000,"queue_group":"workers","content_types":["application/json","application/msgpack"],
"request":{"$ref":"#/$defs/Request"},"reply":{"type":["object","null"],"additionalProperties":{"type":"integer","format":"int64"}},
"examples":[{"request":{"item":"a\u2028b","n":1.0}}],
"errors":[{"tag":"NotFound","aliases":["Missing"],"code":404,"schema":{"$ref":"#/$defs/Node"}}],
"$defs":{"Request":{"type":"object","properties":{"item":{"type":"string","description":"which"},"n":{"type":"integer","minimum":-128,"maximum":127}},"required":["item","n"]},
"Node":{"anyOf":[{"type":"object","properties":{"next":{"$ref":"#/$defs/Node"}}},{"type":"null"}]}}}`

func TestParse(t *testing.T) {
	t.Parallel()
	d, err := contract.Parse([]byte(reserve))
	if err != nil {
		t.Fatal(err)
	}
	again, err := contract.Parse(d.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, again); diff != "" {
		t.Errorf("the document changes on the way through its bytes (-want +got):\n%s", diff)
	}
	if d.Digest() != again.Digest() || len(d.Digest()) != 22 {
		t.Errorf("digests are %s and %s", d.Digest(), again.Digest())
	}
	t.Logf("%s", d.Bytes())
}
