package server

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is refused without an answer is an error from the moment on in which it is a request. It was one when the owner was
// told, up to a second later: after a reset in between there were more errors than requests, and after a stop too few.
func TestUnansweredIsCountedAtOnce(t *testing.T) {
	t.Parallel()
	e := &Served{}
	e.ResetCounts()
	e.full.Store(true)
	reports := 0
	a := &attached{Served: e, conn: &connection{report: func(Report) { reports++ }}}
	if !e.turnAway() {
		t.Fatal("a full endpoint does not turn requests away")
	}
	want := Counts{Requests: 1, Errors: 1}
	if diff := cmp.Diff(want, e.Counts()); diff != "" {
		t.Errorf("before the report (-want +got):\n%s", diff)
	}
	a.noticeDropped()
	got := e.Counts()
	if got.LastError == "" {
		t.Error("the last error is not shown")
	}
	got.LastError = ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after the report (-want +got):\n%s", diff)
	}
	e.turnAway()
	e.ResetCounts()
	a.noticeDropped()
	if diff := cmp.Diff(Counts{}, e.Counts()); diff != "" {
		t.Errorf("reported after a reset (-want +got):\n%s", diff)
	}
	if reports != 2 {
		t.Errorf("%d reports, want 2", reports)
	}
}

// A failure that was counted as one of other codes is taken back from there, although there is room for its code by then:
// once it was taken from a count of its own, which was -1 then.
func TestFailureIsTakenBackFromWhereItWasCounted(t *testing.T) {
	t.Parallel()
	c := &counts{}
	for code := range maxCodes {
		c.fail(1, failure{code: 400 + code})
	}
	c.fail(1, failure{code: 1000})
	for _, code := range []int{400, 402, 1000} {
		c.failOtherwise(failure{code: code}, failure{code: 401})
	}
	codes, _ := c.kinds()
	all := 0
	for code, n := range codes {
		if all += n; n < 1 {
			t.Errorf("%d errors of code %d", n, code)
		}
	}
	if all != maxCodes+1 || codes[401] != 4 || codes[0] != 0 {
		t.Errorf("%d errors in all, %d of code 401, %d of others: %v", all, codes[401], codes[0], codes)
	}
}
