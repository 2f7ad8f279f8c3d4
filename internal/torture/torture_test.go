package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/typednats/typednats"
)

// A test binary is a node if it is started as one, as the program is.
func TestMain(m *testing.M) {
	if conf := os.Getenv(nodeVariable); conf != "" {
		os.Exit(runNode(conf, os.Stdin, os.Stdout, os.Stderr)) //nolint:forbidigo // it is main of a node
	}
	os.Exit(m.Run()) //nolint:forbidigo // as in every TestMain
}

// The runs follow one another: each counts the goroutines of the whole process.
func TestTorture(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-seconds", "10", "-faults", faultsGentle},
		{"-seconds", "6", "-faults", faultsAll},
		{"-seconds", "6", "-faults", faultsAll, "-servers", serversProcesses},
	} {
		var stdout, stderr bytes.Buffer
		status := run(append(args, "-seed", "1", "-workers", "12"), &stdout, &stderr)
		if status != 0 {
			t.Errorf("%q: status %d\n%s\n%s", args, status, &stdout, &stderr)
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
		{"-servers", "none"},
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
	schedule := func(seed uint64, violent bool) []fault {
		return newSchedule(settings{seed: seed, length: time.Minute, violent: violent})
	}
	want, got := schedule(7, true), schedule(7, true)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(fault{})); diff != "" {
		t.Errorf("same seed, other faults (-want +got):\n%s", diff)
	}
	if cmp.Equal(want, schedule(8, true), cmp.AllowUnexported(fault{})) {
		t.Error("another seed gives the same faults")
	}
	for _, f := range schedule(7, false) {
		if f.kind.violent() {
			t.Errorf("%q is in a gentle schedule", f.kind)
		}
	}
}

// Each kind of fault is in the first round of a long schedule.
func TestScheduleHasEveryKind(t *testing.T) {
	t.Parallel()
	gentle := []faultKind{
		replaceInstance, relieveInstance, drainInstance, readdEndpoint, resetStats, overload, discoveryFlood, garbageBurst,
		endpointFlood, massCancel, largeHeaders, fullLoad, vanishingCaller,
	}
	violent := []faultKind{killNode, killWhileStop, killWhileRemove, lameDuck, reconnectService, reconnectCaller, revoke}
	for _, test := range []struct {
		violent bool
		want    []faultKind
	}{{false, gentle}, {true, append(slices.Clone(gentle), violent...)}} {
		got := make(map[faultKind]bool)
		for _, f := range newSchedule(settings{seed: 7, length: time.Minute, violent: test.violent}) {
			got[f.kind] = true
		}
		want := make(map[faultKind]bool)
		for _, kind := range test.want {
			want[kind] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("violent %v (-want +got):\n%s", test.violent, diff)
		}
	}
}

func TestFullLoadIsJudged(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		result fullLoadResult
		want   map[promise]int
	}{
		"well":        {fullLoadResult{calls: 400, answers: 170, silent: 20, naps: 200}, map[promise]int{}},
		"idle":        {fullLoadResult{calls: 400, answers: 139, naps: 200}, map[promise]int{worksOff: 1}},
		"untold":      {fullLoadResult{calls: 400, answers: 200, silent: 21, naps: 200}, map[promise]int{allTold: 1}},
		"both":        {fullLoadResult{calls: 400, silent: 400, naps: 200}, map[promise]int{worksOff: 1, allTold: 1}},
		"too busy":    {fullLoadResult{calls: 400, silent: 400, naps: 200, longest: 3 * measuredNap}, map[promise]int{}},
		"busy enough": {fullLoadResult{calls: 400, answers: 139, naps: 200, longest: 2 * measuredNap}, map[promise]int{worksOff: 1}},
	} {
		acc := newAccount()
		test.result.judge(acc)
		got := make(map[promise]int)
		for _, p := range promises() {
			if n := len(acc.problemsOf(p)); n > 0 {
				got[p] = n
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestGate(t *testing.T) {
	t.Parallel()
	var g gate
	if err := g.pass(t.Context()); err != nil {
		t.Errorf("pass the open gate: %v", err)
	}
	open := g.shut()
	ctx, cancel := context.WithCancel(t.Context())
	passed := make(chan error)
	go func() { passed <- g.pass(ctx) }()
	if !awaitTrue(patience, func() bool { return g.held() == 1 }) {
		t.Fatalf("%d wait at the shut gate, want 1", g.held())
	}
	cancel()
	if err := <-passed; !errors.Is(err, context.Canceled) {
		t.Errorf("pass the shut gate, cancelled: %v", err)
	}
	go func() { passed <- g.pass(t.Context()) }()
	if !awaitTrue(patience, func() bool { return g.held() == 1 }) {
		t.Fatalf("%d wait at the shut gate, want 1", g.held())
	}
	open()
	open()
	if err := <-passed; err != nil || g.held() != 0 {
		t.Errorf("pass the gate that was opened: %v, and %d wait", err, g.held())
	}
}

// A broken promise must not go unseen.
func TestReportOfBrokenPromises(t *testing.T) {
	t.Parallel()
	acc := newAccount()
	l := &load{shared: &shared{ledger: &ledger{run: "test"}, account: acc}}
	breakPromises(t, l)
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
		noneTwice: 1, noneForeign: 1, noneUntrue: 2, noneEarly: 1, noneLate: 1, noneLost: 1, noneLeaked: 1, noneUnexpected: 1,
		sumsUp: 1,
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

// breakPromises has calls of which each breaks one.
func breakPromises(t *testing.T, l *load) {
	t.Helper()
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
	l.judge(&lost, answer{}, &typednats.CallError{Err: context.DeadlineExceeded}, now, now.Add(-time.Hour))
	early := plan{kind: "early", timeout: time.Hour, allowed: []outcome{timedOut}}
	begin(&early)
	l.judge(&early, answer{}, &typednats.CallError{Err: context.DeadlineExceeded}, now, now.Add(time.Hour))
	late := plan{kind: "run later", allowed: []outcome{noResponders}}
	begin(&late)
	l.judge(&late, answer{}, neverRan(t), now, now.Add(time.Hour))
	l.ledger.ran(late.request)
	leaky := plan{kind: "leaky", hops: true}
	begin(&leaky)
	l.ledger.ran(leaky.request)
	l.judge(&leaky, answer{}, typednats.Errorf(codeOwn, "%s", secret), now, now.Add(time.Hour))
}

// neverRan is the error of a call that was not sent.
func neverRan(t *testing.T) error {
	t.Helper()
	_, err := typednats.Request[question, answer](t.Context(), (*typednats.Client)(nil), "nowhere", question{})
	if run, known := typednats.WasRun(err); run || !known {
		t.Fatalf("%v says that it was run", err)
	}
	return errors.Join(nats.ErrNoResponders, err)
}

func TestLeaks(t *testing.T) {
	t.Parallel()
	internal := &typednats.ServiceError{Code: 500, Description: "internal error, id X"}
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"success":              {nil, false},
		"the hop's own":        {&typednats.CallError{Err: internal}, false},
		"what both declare":    {refusal{}, false},
		"what one declares":    {grudge{}, true},
		"its time":             {errors.Join(context.DeadlineExceeded, typednats.Errorf(504, "late")), false},
		"another code":         {typednats.Errorf(503, "busy"), true},
		"another text":         {typednats.Errorf(500, "call failed"), true},
		"another body":         {&typednats.ServiceError{Code: 500, Description: "internal error, id X", Data: []byte("x")}, true},
		"a tag":                {&typednats.ServiceError{Code: 500, Description: "internal error, id X", Type: "grudge"}, true},
		"its time, and a word": {errors.Join(context.DeadlineExceeded, errors.New(secret)), true},
	} {
		if got := leaks(test.err); got != test.want {
			t.Errorf("%s: leaks = %v, want %v", name, got, test.want)
		}
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
