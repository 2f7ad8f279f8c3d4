package fleet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/typednats/typednats/internal/subject"
)

// Target is an endpoint that somebody asked for.
type Target struct {
	Endpoint

	// Subject is where its requests go. It holds wildcards if the endpoint's does and nobody said which subject is
	// meant.
	Subject string
	// Others are endpoints of other services, or under other names, that get requests of the same subject.
	Others []Endpoint
}

// UnknownError is returned for an endpoint that nobody announces.
type UnknownError struct {
	Ref  string
	Near []string // names and subjects that are like it
}

func (e *UnknownError) Error() string {
	text := fmt.Sprintf("nobody serves %q", e.Ref)
	if len(e.Near) > 0 {
		text += "; did you mean " + strings.Join(e.Near, ", ") + "?"
	}
	return text
}

// AmbiguousError is returned for a name that several endpoints have.
type AmbiguousError struct {
	Ref        string
	Candidates []Endpoint
}

func (e *AmbiguousError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q may be any of these; give the subject:", e.Ref)
	for _, c := range e.Candidates {
		fmt.Fprintf(&b, "\n  %s  (%s)", c.Subject, c.FullName())
	}
	return b.String()
}

// Find returns the endpoint that ref means: one with that subject, else one with that service and name, else one with
// that name, else one whose subject has wildcards that match. It returns an [*UnknownError] or an [*AmbiguousError] if
// there is not one alone.
func (f Fleet) Find(ref string) (Target, error) {
	for _, is := range []func(Endpoint) bool{
		func(e Endpoint) bool { return e.Subject == ref },
		func(e Endpoint) bool { return e.FullName() == ref },
		func(e Endpoint) bool { return e.Name == ref },
	} {
		if found := f.where(is); len(found) > 0 {
			return targetOf(ref, found[0].Subject, found)
		}
	}
	if subject.CheckConcrete(ref) == nil {
		found := f.where(func(e Endpoint) bool { return subject.Check(e.Subject) == nil && subject.Matches(e.Subject, ref) })
		if len(found) > 0 {
			return Target{Endpoint: found[0], Subject: ref, Others: found[1:]}, nil
		}
	}
	return Target{}, &UnknownError{Ref: ref, Near: f.near(ref)}
}

// targetOf returns the one endpoint that was found, or the one subject that several share.
func targetOf(ref, where string, found []Endpoint) (Target, error) {
	for _, e := range found {
		if e.Subject != where {
			return Target{}, &AmbiguousError{Ref: ref, Candidates: found}
		}
	}
	return Target{Endpoint: found[0], Subject: where, Others: found[1:]}, nil
}

func (f Fleet) where(is func(Endpoint) bool) []Endpoint {
	var found []Endpoint
	for _, e := range f.Endpoints {
		if is(e) {
			found = append(found, e)
		}
	}
	return found
}

// maxNear is how many names are proposed.
const maxNear = 5

// near returns the names and subjects that are like ref, the nearest first.
func (f Fleet) near(ref string) []string {
	type candidate struct {
		text     string
		distance int
	}
	var candidates []candidate
	want := strings.ToLower(ref)
	for _, e := range f.Endpoints {
		for _, text := range []string{e.Subject, e.FullName(), e.Name} {
			have := strings.ToLower(text)
			d := distance(want, have)
			switch {
			case d <= 1+len(want)/5:
			case len(want) >= 3 && strings.Contains(have, want), strings.HasSuffix(want, "."+have):
				d = len(want) // behind all that are spelled nearly so
			default:
				continue
			}
			if text == e.Name {
				text = e.Subject // the name alone may be that of others, too
			}
			candidates = append(candidates, candidate{text, d})
			break // one form of each is enough
		}
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int { return a.distance - b.distance })
	var near []string
	for _, c := range candidates {
		if !slices.Contains(near, c.text) && len(near) < maxNear {
			near = append(near, c.text)
		}
	}
	return near
}

// distance is how many letters must be changed, added or removed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			row[j+1] = min(cost, above+1, row[j]+1)
			diagonal = above
		}
	}
	return row[len(b)]
}
