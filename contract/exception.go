package contract

import (
	"fmt"
	"slices"
	"strings"
)

// Exception accepts findings, and says why.
type Exception struct {
	// Rule is the rule whose findings are accepted. There must be one.
	Rule Rule
	// Endpoint is the endpoint that it holds for. Empty means all.
	Endpoint string
	// Path is the path of a finding, or one above it: request accepts what was found in request.items[]. Empty means all.
	Path string
	// Rollout is the order of rollout in which they are accepted. Empty means each.
	Rollout Rollout
	// Reason is why. There must be one.
	Reason string
}

// String returns what the exception is about, without the reason.
func (e Exception) String() string {
	parts := []string{string(e.Rule)}
	for _, part := range []string{e.Endpoint, e.Path, string(e.Rollout)} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " ")
}

// accepts reports whether an exception is about a finding. One for an order of rollout is not about a finding that hurts
// in each order.
func (e Exception) accepts(f Finding) bool {
	return e.Rule == f.Rule &&
		(e.Endpoint == "" || e.Endpoint == f.Endpoint) &&
		(e.Rollout == "" || e.Rollout == f.Rollout) &&
		isBelow(f.Path, e.Path)
}

// isBelow reports whether a path is another one or goes on from it.
func isBelow(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && (above == "" || rest == "" || strings.ContainsRune(".[{", rune(rest[0])))
}

// Except returns the findings with those accepted that an exception is about: they get the level Info, and the reason in
// Accepted. The first exception that is about a finding counts.
//
// An exception that is about none of the findings is a finding itself, a warning, for what it was written for is gone.
// One without a rule or a reason, or about what other exceptions say, accepts nothing and is breaking.
func Except(findings []Finding, exceptions ...Exception) []Finding {
	result := slices.Clone(findings)
	for _, e := range exceptions {
		if e.Rule == "" || strings.TrimSpace(e.Reason) == "" || e.Rule == RuleException {
			result = append(result, Finding{
				Level: Breaking, Rule: RuleException, Endpoint: e.Endpoint, Path: e.Path,
				Message: fmt.Sprintf("the exception %s has no reason, or no rule that can be accepted", quote(e.String())),
				Advice:  "give it a rule of this package, and the reason why what it finds may stay",
			})
			continue
		}
		used := false
		for i, f := range result {
			if !e.accepts(f) {
				continue
			}
			used = true
			if f.Accepted == "" {
				result[i].Level, result[i].Accepted = Info, e.Reason
			}
		}
		if !used {
			result = append(result, Finding{
				Level: Warning, Rule: RuleException, Endpoint: e.Endpoint, Path: e.Path,
				Message: fmt.Sprintf("the exception %s accepts nothing", quote(e.String())),
				Advice:  "take it out, or correct it if what it was written for is still there",
			})
		}
	}
	return sortFindings(result)
}
