package contract

import (
	"fmt"
	"slices"
)

// Bounds of one comparison of two documents, or of two schemas. A schema with 1,000 properties takes some 5,000 steps.
const (
	maxWork     = 200_000
	maxFindings = 100 // of each level
	exhausted   = maxWork + 1
)

// work is what a comparison may still do, and what it has found.
type work struct {
	left     int
	about    Finding // what all findings have in common
	path     string  // where the schemas stand that are being compared
	note     string  // what messages begin with
	list     []Finding
	seen     map[finding]bool
	perLevel [Breaking + 1]int
}

// finding is what makes a finding another one.
type finding struct {
	level   Level
	rule    Rule
	path    string
	message string
	rollout Rollout
}

func newWork(about Finding, path string) *work {
	return &work{left: maxWork, about: about, path: path, seen: map[finding]bool{}}
}

// spend takes some steps of what may be done, and reports whether there were that many.
func (w *work) spend(steps int) bool {
	if steps > w.left {
		w.left = 0
		return false
	}
	w.left -= steps
	return true
}

// foundf records a finding about schemas.
func (w *work) foundf(at *place, level Level, rule Rule, format string, args ...any) {
	w.add(level, rule, at.path(w.path), fmt.Sprintf(format, args...))
}

// add records a finding, unless that is known already or there are too many.
func (w *work) add(level Level, rule Rule, path, message string) {
	f := w.about
	f.Level, f.Rule, f.Path, f.Message, f.Advice = level, rule, path, w.note+message, advice(rule)
	if level == Info {
		f.Hurt = ""
	}
	key := finding{level, rule, path, message, f.Rollout}
	if w.seen[key] {
		return
	}
	if w.perLevel[level]++; w.perLevel[level] > maxFindings {
		return
	}
	w.seen[key] = true
	w.list = append(w.list, f)
}

// findings returns what was found, and that it is not all if it is not.
func (w *work) findings() []Finding {
	list := slices.Clone(w.list)
	limit := func(level Level, message string) {
		f := w.about
		f.Level, f.Rule, f.Message, f.Advice = level, RuleLimit, message, advice(RuleLimit)
		list = append(list, f)
	}
	for level, n := range w.perLevel {
		if n > maxFindings {
			limit(Level(level), fmt.Sprintf("there are more findings of this level than the %d that are listed", maxFindings))
		}
	}
	if w.left == 0 {
		limit(Warning, "cannot tell: there is too much to compare")
	}
	return list
}

// place is where a comparison is, as steps from the outermost schema. It becomes a path only if something is found there.
// Nil is the outermost schema.
type place struct {
	up   *place
	kind placeKind
	name string
}

type placeKind int

const (
	inMember placeKind = iota
	inElement
	inOthers
	inNames
)

func (p *place) member(name string) *place { return &place{p, inMember, name} }
func (p *place) element() *place           { return &place{p, inElement, ""} }
func (p *place) others() *place            { return &place{p, inOthers, ""} }
func (p *place) names() *place             { return &place{p, inNames, ""} }

// path returns the path to a place, from that of the outermost schema. It leaves out the beginning of one that is very
// long, which only a schema has that was made for it.
func (p *place) path(root string) string {
	var steps []*place
	for ; p != nil && len(steps) < maxDepth; p = p.up {
		steps = append(steps, p)
	}
	path := root
	if p != nil {
		path += "…"
	}
	for _, step := range slices.Backward(steps) {
		switch step.kind {
		case inMember:
			path = member(path, step.name)
		case inElement:
			path += "[]"
		case inOthers:
			path += "{}"
		case inNames:
			path += "{name}"
		}
	}
	return path
}
