package main

import (
	"io"
	"strings"
	"testing"
)

// TestBug: a panic is a bug of the command, and says so.
func TestBug(t *testing.T) {
	t.Parallel()
	var out, said strings.Builder
	broken := newTool(strings.NewReader(""), &out, &said, func(string) string { panic("broken") })
	if code := run(t.Context(), broken, []string{"ls"}); code != exitBug {
		t.Errorf("%d, want %d", code, exitBug)
	}
	if !strings.Contains(said.String(), "this is a bug: broken") || !strings.Contains(said.String(), "run_internal_test.go") {
		t.Errorf("it says %q", said.String())
	}
}

// TestExitCodes: each of them is in the help.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"0", "1", "2", "3", "4", "5", "6", "70"} {
		if !strings.Contains(exitHelp, "\n  "+code+" ") {
			t.Errorf("the help does not say what %s means", code)
		}
	}
}

// TestLogIsSafe: what is said of what is done holds texts of strangers, too.
func TestLogIsSafe(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	verbose := newTool(strings.NewReader(""), io.Discard, &said, func(string) string { return "" })
	verbose.logf("nothing")
	verbose.global.verbose = true
	verbose.logf("%s is\n%s", "a\x1b[31m", "b\r")
	if want := "a\\x1b[31m is\\nb\\r\n"; said.String() != want {
		t.Errorf("%q, want %q", said.String(), want)
	}
}

// TestContentType: what is sent is accepted by all instances, however they spell it, and is JSON if that is.
func TestContentType(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		accepted [][]string
		want     string
	}{
		{[][]string{{"application/msgpack", "application/json"}}, jsonType},
		{[][]string{{"Application/JSON; charset=utf-8"}}, jsonType},
		{[][]string{{"application/json", "application/msgpack"}, {"application/x-msgpack"}}, msgpackType},
		{[][]string{{"application/octet-stream"}}, rawType},
		{[][]string{{"application/json"}, {"application/msgpack"}}, ""},
		{[][]string{{"application/cbor"}}, ""},
	} {
		got, err := contentType(test.accepted)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%v: %q, %v, want %q", test.accepted, got, err, test.want)
		}
	}
}
