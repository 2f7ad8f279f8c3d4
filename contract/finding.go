package contract

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Level says how bad a finding is. The worse is the greater.
type Level int

// The levels.
const (
	// Info is worth knowing, and hurts nobody.
	Info Level = iota
	// Warning may hurt: something is ignored, arrives as something more general, or cannot be told from the documents.
	Warning
	// Breaking hurts: calls fail, or a value means something else on the other side.
	Breaking
)

// String returns "info", "warning" or "breaking".
func (l Level) String() string {
	switch l {
	case Info:
		return "info"
	case Warning:
		return "warning"
	case Breaking:
		return "breaking"
	default:
		return fmt.Sprintf("Level(%d)", int(l))
	}
}

// MarshalText returns [Level.String].
func (l Level) MarshalText() ([]byte, error) {
	return []byte(l.String()), nil
}

// UnmarshalText reads what [Level.MarshalText] returns.
func (l *Level) UnmarshalText(text []byte) error {
	for level := Info; level <= Breaking; level++ {
		if level.String() == string(text) {
			*l = level
			return nil
		}
	}
	return fmt.Errorf("contract: there is no level %s", quote(string(text)))
}

// Rollout is an order in which a change reaches the programs of a fleet. While it does, old and new ones meet.
type Rollout string

// The orders. A finding that does not depend on them has the empty one.
const (
	// ServiceFirst has old clients meet a new service.
	ServiceFirst Rollout = "service first"
	// ClientFirst has new clients meet an old service.
	ClientFirst Rollout = "client first"
)

// Party is who is hurt by what was found.
type Party string

// Who is hurt. An empty party is nobody.
const (
	Clients    Party = "clients"
	OldClients Party = "old clients"
	NewClients Party = "new clients"
)

// Finding is one thing that a comparison has found.
type Finding struct {
	// Level says how bad it is.
	Level Level `json:"level"`
	// Rule is which rule of this package found it; see the package documentation.
	Rule Rule `json:"rule"`
	// Endpoint is the endpoint's name. It is empty in what [Fits] returns.
	Endpoint string `json:"endpoint,omitempty"`
	// Path is where in the endpoint: request.items[].sku, reply.prices{}, reply.by_number{name}, errors.NotFound.item.
	// It is empty for the endpoint itself, and begins with the first member in what [Fits] returns.
	Path string `json:"path,omitempty"`
	// Message says what was found, in one sentence without a full stop.
	Message string `json:"message"`
	// Advice says what to do instead.
	Advice string `json:"advice,omitempty"`
	// Rollout is the order of rollout in which it hurts. Empty means that the order does not matter.
	Rollout Rollout `json:"rollout,omitempty"`
	// Hurt is who notices. It is empty if nobody does.
	Hurt Party `json:"hurt,omitempty"`
	// Instances are the ids of the instances that it was found on, for those who ask a running fleet.
	Instances []string `json:"instances,omitempty"`
	// Accepted is the reason of the [Exception] that accepts it. The level is Info then.
	Accepted string `json:"accepted,omitempty"`
}

// String returns the finding on one line, with all that it says.
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(f.Level.String())
	b.WriteString(": ")
	if where := strings.TrimSpace(f.Endpoint + " " + f.Path); where != "" {
		b.WriteString(where + ": ")
	}
	b.WriteString(f.Message)
	b.WriteString(" [" + string(f.Rule) + "]")
	if f.Hurt != "" {
		b.WriteString("; hurts " + string(f.Hurt))
	}
	if f.Rollout != "" {
		b.WriteString(", " + string(f.Rollout))
	}
	if len(f.Instances) > 0 {
		b.WriteString("; on " + strings.Join(f.Instances, ", "))
	}
	if f.Accepted != "" {
		b.WriteString("; accepted: " + f.Accepted)
	} else if f.Advice != "" {
		b.WriteString("; " + f.Advice)
	}
	return b.String()
}

// compareFindings is the order of findings: by endpoint, the worst first, then by path, rule and order of rollout.
func compareFindings(a, b Finding) int {
	return cmp.Or(
		strings.Compare(a.Endpoint, b.Endpoint),
		cmp.Compare(b.Level, a.Level),
		strings.Compare(a.Path, b.Path),
		strings.Compare(string(a.Rule), string(b.Rule)),
		strings.Compare(string(b.Rollout), string(a.Rollout)),
		strings.Compare(a.Message, b.Message),
	)
}

// sortFindings sorts findings and leaves out those that are there twice.
func sortFindings(findings []Finding) []Finding {
	slices.SortStableFunc(findings, compareFindings)
	return slices.CompactFunc(findings, func(a, b Finding) bool { return compareFindings(a, b) == 0 })
}
