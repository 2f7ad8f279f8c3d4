package main

import (
	"bytes"
	"encoding/xml"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/typednats/typednats/bench/internal/rig"
)

func TestMain(m *testing.M) {
	rig.ServeIfChild()
	goleak.VerifyTestMain(m)
}

// rows returns the cells of all tables' rows, by heading.
func rows(markdown string) map[string][][]string {
	all := make(map[string][][]string)
	var heading string
	body := false
	for line := range strings.Lines(markdown) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "## "):
			heading, body = strings.TrimPrefix(line, "## "), false
		case strings.HasPrefix(line, "| --"):
			body = true
		case body && strings.HasPrefix(line, "|"):
			var cells []string
			for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
				cells = append(cells, strings.TrimSpace(cell))
			}
			all[heading] = append(all[heading], cells)
		}
	}
	return all
}

// firsts are the first cells of rows.
func firsts(rows [][]string) []string {
	var all []string
	for _, row := range rows {
		all = append(all, row[0])
	}
	return all
}

// value is the number in a cell.
func value(t *testing.T, cell string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(strings.NewReplacer(",", "", " %", "").Replace(cell), 64)
	if err != nil {
		t.Errorf("cell %q: %v", cell, err)
	}
	return v
}

// The smallest form has all tables with all rows, and the figure.
func TestQuick(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	if status := run([]string{"-quick", "-plots", dir}, &stdout, &stderr); status != 0 {
		t.Fatalf("status %d: %s\n%s", status, &stderr, &stdout)
	}
	got := rows(stdout.String())
	places := make(map[string][]string)
	for heading, table := range got {
		places[heading] = firsts(table)
	}
	want := map[string][]string{
		"More instances":                     {"1", "2", "3", "6"},
		"A subject split by key":             {"1", "3"},
		"Several connections of one program": {"1", "2", "4"},
	}
	if diff := cmp.Diff(want, places); diff != "" {
		t.Errorf("rows (-want +got):\n%s\n%s", diff, &stdout)
	}
	for _, heading := range []string{"More instances", "A subject split by key"} {
		for _, row := range got[heading] {
			checkShares(t, heading, row)
		}
	}
	for _, row := range got["Several connections of one program"] {
		for _, cell := range row {
			if value(t, cell) <= 0 {
				t.Errorf("cell %q in %q is not positive", cell, row)
			}
		}
	}
	svg, err := fs.ReadFile(os.DirFS(dir), "cluster.svg")
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(svg, new(struct{})); err != nil {
		t.Error(err)
	}
}

// checkShares looks for as many shares above 0 as there can be, which make a whole.
func checkShares(t *testing.T, heading string, row []string) {
	t.Helper()
	if value(t, row[1]) <= 0 || value(t, row[2]) <= 0 {
		t.Errorf("%s: %q: there is no throughput", heading, row)
	}
	sum, served := 0.0, 0
	for _, cell := range row[3:] {
		if cell == "" {
			continue
		}
		share := value(t, cell)
		sum += share
		if share > 0 {
			served++
		}
	}
	if want := int(min(value(t, row[0]), nodes)); served != want || math.Abs(sum-100) > 2 {
		t.Errorf("%s: %q: %d shares are above 0 and make %v %%, want %d and 100 %%", heading, row, served, sum, want)
	}
}

func TestBadFlags(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		`cluster: -plots: stat ` + file + `2: no such file`: {"-plots", file + "2"},
		`cluster: -plots: "` + file + `" is not a folder`:   {"-plots", file},
		`cluster: unexpected argument "quick"`:              {"quick"},
		`flag provided but not defined: -unknown`:           {"-unknown"},
	} {
		var stdout, stderr bytes.Buffer
		if status := run(args, &stdout, &stderr); status != 2 {
			t.Errorf("%q: status %d, want 2", args, status)
		}
		if !strings.HasPrefix(stderr.String(), want) || !strings.Contains(stderr.String(), "Usage of cluster") {
			t.Errorf("%q: error %s, want %s and the usage", args, &stderr, want)
		}
		if stdout.Len() > 0 {
			t.Errorf("%q: it ran: %s", args, &stdout)
		}
	}
	var stdout, stderr bytes.Buffer
	if status := run([]string{"-h"}, &stdout, &stderr); status != 0 || stdout.Len() > 0 {
		t.Errorf("-h: status %d and output %s", status, &stdout)
	}
}

func TestWhatAddsTooLittleIsReported(t *testing.T) {
	t.Parallel()
	grow := func(perSecond ...float64) []*measured {
		var all []*measured
		for i, v := range perSecond {
			all = append(all, &measured{size: []int{1, 2, 3, 6}[i], perSecond: []float64{v}})
		}
		return all
	}
	for want, rows := range map[string][]*measured{
		"": grow(100, 200, 300, 600),
		"2 instances serve 1.40 times as much as 1, want at least 1.50": grow(100, 140, 300, 600),
		"6 instances serve 1.33 times as much as 3, want at least 1.50": grow(100, 200, 300, 400),
		"2 instances serve NaN times as much as 1, want at least 1.50":  grow(0, 0),
	} {
		got := ""
		if err := missed("instances", rows); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("error (-want +got):\n%s", diff)
		}
	}
}

// Callers of any version must agree on the subject of a key.
func TestPartitionsStay(t *testing.T) {
	t.Parallel()
	var got []int
	counts := make([]int, 3)
	for n := range keys {
		p := partitionOf(newRequest(n).Key, 3)
		counts[p]++
		if n < 8 {
			got = append(got, p)
		}
	}
	if diff := cmp.Diff([]int{1, 2, 2, 0, 2, 0, 0, 1}, got); diff != "" {
		t.Errorf("subjects of the first keys (-want +got):\n%s", diff)
	}
	for p, n := range counts {
		if n < keys/4 || n > keys*5/12 {
			t.Errorf("subject %d has %d of %d keys", p, n, keys)
		}
	}
}
