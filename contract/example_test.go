package contract_test

import (
	"fmt"
	"log"

	"github.com/typednats/typednats/contract"
)

// released is the contract of an endpoint as its clients know it, and next as its service is going to serve it.
const (
	released = `{"typednats":1,"name":"reserve","subject":"warehouse.reserve","content_types":["application/json"],
		"request":{"type":"object","properties":{"item":{"type":"string"}},"required":["item"]},
		"reply":{"type":"object","properties":{"left":{"type":"integer","format":"int32"}},"required":["left"]}}`
	next = `{"typednats":1,"name":"reserve","subject":"warehouse.reserve","content_types":["application/json"],
		"request":{"type":"object","properties":{"item":{"type":"string"},"count":{"type":"integer","format":"int32"}},"required":["item","count"]},
		"reply":{"type":"object","properties":{"left":{"type":"integer","format":"int64"}},"required":["left"]}}`
)

func parse(document string) contract.Document {
	d, err := contract.Parse([]byte(document))
	if err != nil {
		log.Fatal(err)
	}
	return d
}

// A member that the new service needs, and a number that may become larger: who is hurt, and when?
func ExampleDiff() {
	for _, finding := range contract.Diff(parse(released), parse(next)) {
		fmt.Println(finding.Level, finding.Path, "hurts", finding.Hurt, "if rolled out", finding.Rollout)
		fmt.Println(" ", finding.Message)
		fmt.Println(" ", finding.Advice)
	}
	// Output:
	// breaking reply.left hurts old clients if rolled out service first
	//   the new service may write any int64, an old client reads any int32
	//   have everybody read the wider range before anybody writes it, or roll out clients first
	// breaking request.count hurts old clients if rolled out service first
	//   an old client does not write it, the new service needs it
	//   make it optional until everybody writes it, and keep writing it while somebody reads it, or roll out clients first
	// warning request.count hurts new clients if rolled out client first
	//   a new client writes it, the old service ignores it
	//   do not rely on it until everybody reads it
}

// What is known, and why it may stay, is written down beside the comparison.
func ExampleExcept() {
	findings := contract.Except(contract.Diff(parse(released), parse(next)),
		contract.Exception{Rule: contract.RuleRange, Path: "reply.left", Reason: "no warehouse has so many"},
		contract.Exception{Rule: contract.RuleIgnored, Rollout: contract.ClientFirst, Reason: "services are rolled out first"},
	)
	for _, finding := range findings {
		fmt.Printf("%v %s %s %q\n", finding.Level, finding.Rule, finding.Path, finding.Accepted)
	}
	// Output:
	// breaking required request.count ""
	// info range reply.left "no warehouse has so many"
	// info ignored request.count "services are rolled out first"
}

// Every value of an int32 is an int64, and not the other way round.
func ExampleFits() {
	small := contract.Schema{Types: []contract.Type{contract.Integer}, Format: "int32"}
	large := contract.Schema{Types: []contract.Type{contract.Integer}, Format: "int64"}
	fmt.Println(len(contract.Fits(small, large)), "findings")
	for _, finding := range contract.Fits(large, small) {
		fmt.Println(finding)
	}
	// Output:
	// 0 findings
	// breaking: the writer may write any int64, the reader reads any int32 [range]; have everybody read the wider range before anybody writes it
}

// Words do not change a digest, and everything that a program could notice does.
func ExampleDocument_Digest() {
	d := parse(released)
	fmt.Println(d.Digest())
	d.Description = "Reserve takes items out of the stock."
	fmt.Println(d.Digest())
	d.Idempotent = true
	fmt.Println(d.Digest())
	// Output:
	// 9GTbXAJw7YH7sG_eI4mcxA
	// 9GTbXAJw7YH7sG_eI4mcxA
	// kp09QpywiZYV60tG5ZK3ew
}
