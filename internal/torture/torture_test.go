package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The runs follow one another: each counts the goroutines of the whole process.
func TestTorture(t *testing.T) {
	t.Parallel()
	for _, faults := range []string{faultsGentle, faultsAll} {
		var stdout, stderr bytes.Buffer
		status := run([]string{"-seconds", "5", "-seed", "1", "-workers", "12", "-faults", faults}, &stdout, &stderr)
		if status != 0 {
			t.Errorf("-faults %s: status %d\n%s\n%s", faults, status, &stdout, &stderr)
		}
	}
}

func TestBadFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-seconds", "0"},
		{"-seconds", "many"},
		{"-seed", "-1"},
		{"-workers", "0"},
		{"-faults", "none"},
		{"-unknown"},
		{"argument"},
	} {
		var stdout, stderr bytes.Buffer
		if status := run(args, &stdout, &stderr); status != 2 {
			t.Errorf("%q: status %d, want 2", args, status)
		}
		if !strings.Contains(stderr.String(), "Usage of torture") {
			t.Errorf("%q: no usage: %s", args, &stderr)
		}
		if stdout.Len() > 0 {
			t.Errorf("%q: it ran: %s", args, &stdout)
		}
	}
}

func TestScheduleRepeatsItself(t *testing.T) {
	t.Parallel()
	want, got := newSchedule(7, time.Minute, true), newSchedule(7, time.Minute, true)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(fault{})); diff != "" {
		t.Errorf("same seed, other faults (-want +got):\n%s", diff)
	}
	if cmp.Equal(want, newSchedule(8, time.Minute, true), cmp.AllowUnexported(fault{})) {
		t.Error("another seed gives the same faults")
	}
	for _, f := range newSchedule(7, time.Minute, false) {
		if f.kind.violent() {
			t.Errorf("%q is in a gentle schedule", f.kind)
		}
	}
}

// A broken promise must not go unseen.
func TestReportOfBrokenPromises(t *testing.T) {
	t.Parallel()
	acc := newAccount()
	l := &load{shared: &shared{ledger: &ledger{run: "test"}, account: acc}}
	now := time.Now()
	begin := func(p *plan) {
		p.request = question{Run: "test", ID: l.ledger.newCall(p.again)}
	}
	twice := plan{kind: "twice", allowed: []outcome{answered}}
	begin(&twice)
	l.ledger.ran(twice.request)
	l.ledger.ran(twice.request)
	l.judge(&twice, answer{ID: twice.request.ID}, nil, now, now.Add(time.Hour))
	foreign := plan{kind: "foreign", allowed: []outcome{answered}}
	begin(&foreign)
	l.judge(&foreign, answer{ID: twice.request.ID}, nil, now, now.Add(time.Hour)) // it was not run, either
	lost := plan{kind: "lost"}
	begin(&lost)
	l.judge(&lost, answer{}, context.DeadlineExceeded, now, now.Add(-time.Hour))
	l.ledger.newCall(false) // it gets no outcome
	r := &report{shared: l.shared}
	r.audit()
	got := make(map[promise]int)
	for _, p := range promises() {
		if n := len(acc.problemsOf(p)); n > 0 {
			got[p] = n
		}
	}
	want := map[promise]int{
		noneTwice: 1, noneForeign: 1, noneUntrue: 1, noneLate: 1, noneLost: 1, sumsUp: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("broken promises (-want +got):\n%s", diff)
	}
	var out strings.Builder
	if r.write(&out) {
		t.Error("the report says that all promises were kept")
	}
	if want := "BROKEN: RUN TWICE though not idempotent: call 1 ran 2 times"; !strings.Contains(out.String(), want) {
		t.Errorf("the report lacks %q:\n%s", want, out.String())
	}
}

func TestLossIsExcusedByViolenceOnly(t *testing.T) {
	t.Parallel()
	acc := newAccount()
	before := time.Now()
	if acc.disturbed(before) {
		t.Error("disturbed before anything happened")
	}
	over := acc.violence()
	if !acc.disturbed(time.Now()) {
		t.Error("not disturbed during a violent fault")
	}
	over()
	if !acc.disturbed(before) {
		t.Error("a call that began before the fault was not disturbed")
	}
	if acc.disturbed(time.Now().Add(time.Nanosecond)) {
		t.Error("a call that began after the fault was disturbed")
	}
}
