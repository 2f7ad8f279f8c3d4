package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// maxDetails is how many cases of one broken promise are printed.
const maxDetails = 10

// report is the account of one run.
type report struct {
	settings
	*shared
	before, peak, after resources

	faults, planned int
	thrown, lies    int64
	unreturned      int
	repeated        int // calls to the idempotent endpoint
}

// audit checks what can only be checked at the end.
func (r *report) audit() {
	for range r.unreturned {
		r.account.enter("any", neverReturned)
		r.account.brokenf(noneLost, "a call has not returned")
	}
	seen := r.ledger.audit()
	for _, id := range seen.forbidden {
		r.account.brokenf(noneTwice, "call %d ran %d times", id, r.ledger.times(id))
	}
	for _, id := range seen.untrue {
		r.account.brokenf(noneUntrue, "call %d was said not to be run, and ran %d times", id, r.ledger.times(id))
	}
	r.repeated = seen.repeated
	all := r.account.count(func(tallyKey) bool { return true })
	if made := r.ledger.made(); uint64(all) != made { //nolint:gosec // counts are not negative
		r.account.brokenf(sumsUp, "%d calls were made, %d have an outcome", made, all)
	}
}

// write prints the account. It reports false if a promise was broken.
func (r *report) write(out io.Writer) bool {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	r.writeCalls(w)
	r.writeRest(w)
	kept := r.writePromises(w)
	if err := w.Flush(); err != nil {
		return false
	}
	for _, p := range promises() {
		details := r.account.problemsOf(p)
		for i, detail := range details {
			if i == maxDetails {
				printf(out, "BROKEN: %s: and %d more\n", p, len(details)-i)
				break
			}
			printf(out, "BROKEN: %s: %s\n", p, detail)
		}
	}
	if kept {
		printf(out, "all promises kept\n")
	}
	return kept
}

// writeCalls prints outcomes by kind of call, and in all.
func (r *report) writeCalls(w io.Writer) {
	r.account.mu.Lock()
	outcomes := maps.Clone(r.account.outcomes)
	r.account.mu.Unlock()
	total := make(map[outcome]int)
	keys := slices.SortedFunc(maps.Keys(outcomes), func(a, b tallyKey) int {
		return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(string(a.outcome), string(b.outcome)))
	})
	line(w, "CALLS BY KIND", "")
	for _, k := range keys {
		line(w, k.kind+": "+string(k.outcome), outcomes[k])
		total[k.outcome] += outcomes[k]
	}
	line(w, "CALLS IN ALL", "")
	line(w, "made", r.ledger.made())
	for _, o := range slices.Sorted(maps.Keys(total)) {
		line(w, string(o), total[o])
	}
	r.account.mu.Lock()
	line(w, "of these, failed while a violent fault lasted", r.account.excused)
	r.account.mu.Unlock()
}

// writeRest prints what else happened.
func (r *report) writeRest(w io.Writer) {
	r.account.mu.Lock()
	defer r.account.mu.Unlock()
	line(w, "EVENTS", "")
	line(w, "faults, of those planned", fmt.Sprintf("%d of %d", r.faults, r.planned))
	for _, what := range slices.Sorted(maps.Keys(r.account.heard)) {
		line(w, what, r.account.heard[what])
	}
	line(w, "idempotent calls that were run more than once", r.repeated)
	line(w, "messages of garbage", r.thrown)
	line(w, "lies about who is there", r.lies)
	line(w, "requests that stopped instances counted", r.account.numRequests)
	line(w, "errors that stopped instances counted", r.account.numErrors)
	line(w, "RESOURCES", "start / peak / end")
	line(w, "goroutines", fmt.Sprintf("%d / %d / %d", r.before.goroutines, r.peak.goroutines, r.after.goroutines))
	line(w, "heap, MiB", fmt.Sprintf("%d / %d / %d", r.before.heap>>20, r.peak.heap>>20, r.after.heap>>20))
	line(w, "memory, MiB", fmt.Sprintf("%d / %d / %d", r.before.total>>20, r.peak.total>>20, r.after.total>>20))
}

func (r *report) writePromises(w io.Writer) (kept bool) {
	kept = true
	line(w, "BROKEN PROMISES", "")
	for _, p := range promises() {
		n := len(r.account.problemsOf(p))
		line(w, string(p), n)
		kept = kept && n == 0
	}
	return kept
}

func line(w io.Writer, what string, value any) { printf(w, "%s\t%v\t\n", what, value) }

// printf ignores errors: what counts is the status, which is right even if nobody reads the account.
func printf(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
