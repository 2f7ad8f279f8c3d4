package wire

import (
	"errors"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
)

// noRespondersStatus is the status of the message that the server sends if nobody serves a subject (ADR-22).
const noRespondersStatus = "503"

// IsNoResponders reports whether a message is the server's word that nobody serves the subject.
func IsNoResponders(m *nats.Msg) bool {
	return len(m.Data) == 0 && HeaderValue(m.Header, StatusHeader) == noRespondersStatus
}

// RefusesPublish reports whether err is the server's refusal of a message to the subject. The server tells it to the
// connection, in a text, and not to whoever sent the message.
func RefusesPublish(err error, subject string) bool { return refuses(err, "Publish", subject) }

// RefusesSubscription reports whether err is the server's refusal of a subscription to the subject.
func RefusesSubscription(err error, subject string) bool {
	return refuses(err, "Subscription", subject)
}

func refuses(err error, what, subject string) bool {
	return errors.Is(err, nats.ErrPermissionViolation) &&
		strings.Contains(err.Error(), what+" to "+strconv.Quote(subject))
}
