package wire

import (
	"fmt"

	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/internal/subject"
)

// ownPrefix is the first token of the library's own subjects.
const ownPrefix = "_TYPEDNATS"

// CancelSubject is the subject on which clients say that they have given up a call of an endpoint on the given
// subject. The body is the call's reply subject. Every instance hears it; the one that has the request ends its
// handler's context. A reply subject holds a random number, so nobody can end a call that is not theirs.
func CancelSubject(endpoint string) string { return ownPrefix + ".CANCEL." + endpoint }

// CheckEndpointSubject reports what is wrong with an endpoint's whole subject, which may hold wildcards. Beside what
// NATS does not allow, it refuses the subjects on which services are asked for PING, INFO and STATS (ADR-32): an
// endpoint there would answer in the protocol's place.
func CheckEndpointSubject(pattern string) error {
	if err := subject.Check(pattern); err != nil {
		return err
	}
	for owner, reserved := range map[string]string{
		"the NATS service protocol": micro.APIPrefix,
		"typednats":                 ownPrefix,
	} {
		if pattern == reserved || len(pattern) > len(reserved) && pattern[:len(reserved)+1] == reserved+"." {
			return fmt.Errorf("%s belongs to %s", reserved, owner)
		}
	}
	for _, verb := range []micro.Verb{micro.PingVerb, micro.InfoVerb, micro.StatsVerb} {
		for _, address := range []string{"", ".*", ".*.*"} {
			control := micro.APIPrefix + "." + verb.String() + address
			if subject.Overlap(pattern, control) {
				return fmt.Errorf("it would receive %s, which belongs to the NATS service protocol", control)
			}
		}
	}
	return nil
}
