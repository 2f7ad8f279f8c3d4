package wire

import (
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/internal/subject"
)

// ownPrefix is the first token of the library's own subjects.
const ownPrefix = "_TYPEDNATS"

// CancelSubject is the subject on which clients say that they have given up a call of an endpoint on the given
// subject. The body is the call's reply subject. Every instance hears it; the one that has the request ends its
// handler's context. A reply subject holds a random number, so nobody can end a call that is not theirs.
func CancelSubject(endpoint string) string { return ownPrefix + ".CANCEL." + endpoint }

// ContractSubject is the subject on which one instance of a service is asked for a contract document, by its digest; with
// "*" for the digest it is what the instance subscribes to.
func ContractSubject(service, id, digest string) string {
	return strings.Join([]string{ownPrefix, "CONTRACT", service, id, digest}, ".")
}

// reserved lists the first tokens of subjects that belong to NATS, or to this library, and whose they are. An endpoint
// there would answer in the place of another, or get what is not a request: writes to a key-value bucket, replies.
func reserved() [][2]string {
	return [][2]string{
		{micro.APIPrefix, "the NATS service protocol"},
		{"$JS", "JetStream"},
		{"$KV", "key-value buckets"},
		{"$O", "object stores"},
		{"$SYS", "the NATS server"},
		{"_INBOX", "replies"},
		{"_R_", "replies between accounts"},
		{ownPrefix, "typednats"},
	}
}

// CheckEndpointSubject reports what is wrong with an endpoint's whole subject, which may hold wildcards. Beside what
// NATS does not allow, it refuses braces, which will mean parameters, and subjects that belong to others. A wildcard as
// the first token may stand before tokens of one's own ("*.orders.create"), though not for everything.
func CheckEndpointSubject(pattern string) error {
	if err := subject.Check(pattern); err != nil {
		return err
	}
	if strings.ContainsAny(pattern, "{}") {
		return errors.New("it holds a brace; braces are kept for parameters")
	}
	if err := checkReserved(pattern); err != nil {
		return err
	}
	for _, verb := range []micro.Verb{micro.PingVerb, micro.InfoVerb, micro.StatsVerb} {
		for _, address := range []string{"", ".*", ".*.*"} {
			control := micro.APIPrefix + "." + verb.String() + address
			if subject.Overlap(pattern, control) {
				return fmt.Errorf("it would receive %s, which belongs to the NATS service protocol", control)
			}
		}
	}
	if subject.Overlap(pattern, "$JS.API.>") {
		return errors.New("it would receive $JS.API.>, which belongs to JetStream")
	}
	if strings.ContainsRune(pattern, '.') && strings.Trim(pattern, "*.>") == "" {
		return errors.New("it would receive replies, and whatever else is sent: want a token that is not a wildcard")
	}
	return nil
}

// checkReserved reports that a subject, or what a client sends to, belongs to somebody else.
func checkReserved(pattern string) error {
	first, _, _ := strings.Cut(pattern, ".")
	for _, r := range reserved() {
		if first == r[0] {
			return fmt.Errorf("%s belongs to %s", r[0], r[1])
		}
	}
	return nil
}

// CheckTarget reports what is wrong with the concrete subject that clients of an endpoint with wildcards send to.
func CheckTarget(to string) error {
	if err := subject.CheckConcrete(to); err != nil {
		return err
	}
	return checkReserved(to)
}
