package plot_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/bench/internal/plot"
)

func callers() plot.Chart {
	xs := []float64{1, 4, 16, 64, 256, 1024, 4096}
	return plot.Chart{
		Title: "Latency",
		X:     plot.Axis{Label: "callers", Log: true},
		Y:     plot.Axis{Label: "milliseconds", Log: true},
		Lines: []plot.Line{
			plot.NewLine("raw", xs, []float64{0.05, 0.1, 0.3, 1.1, 4.5, 17, 70}),
			plot.NewLine("typednats <JSON>", xs, []float64{0.06, 0.11, 0.32, 1.2, 4.8, 19, 77}),
		},
	}
}

// texts returns what is written in an SVG, and fails if it is not XML.
func texts(t *testing.T, svg []byte) []string {
	t.Helper()
	var all []string
	inText := false
	for d := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
		case xml.EndElement:
			inText = false
		case xml.CharData:
			if inText {
				all = append(all, string(token))
			}
		}
	}
}

func TestFigureSaysWhatIsOnIt(t *testing.T) {
	t.Parallel()
	svg, err := plot.Figure{Charts: []plot.Chart{callers()}}.SVG()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Latency", "raw", "typednats <JSON>",
		"callers", "1", "4", "16", "64", "256", "1024", "4096",
		"milliseconds", "0.1", "1", "10", "100",
	}
	if diff := cmp.Diff(want, texts(t, svg)); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"NaN", "Inf", "#-", "#000000", "#FFFFFF"} {
		if strings.Contains(string(svg), bad) {
			t.Errorf("%s in\n%s", bad, svg)
		}
	}
	if n := len(svg); n > 16<<10 {
		t.Errorf("%d bytes", n)
	}
}

func TestFigureGrowsWithItsCharts(t *testing.T) {
	t.Parallel()
	size := func(charts int) string {
		var f plot.Figure
		for range charts {
			f.Charts = append(f.Charts, callers())
		}
		svg, err := f.SVG()
		if err != nil {
			t.Fatal(err)
		}
		var root struct {
			ViewBox string `xml:"viewBox,attr"`
		}
		if err := xml.Unmarshal(svg, &root); err != nil {
			t.Fatal(err)
		}
		return root.ViewBox
	}
	want := []string{"0 0 316 216", "0 0 632 216", "0 0 632 432"}
	if diff := cmp.Diff(want, []string{size(1), size(2), size(3)}); diff != "" {
		t.Errorf("view boxes (-want +got):\n%s", diff)
	}
}

func TestLinearAxisBeginsAtZero(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ys   []float64
		want []string
	}{
		"far above zero": {[]float64{41_000, 60_000}, []string{"0", "30 k", "60 k"}},
		"nothing but 0":  {[]float64{0, 0}, []string{"0", "0.5", "1"}},
	} {
		chart := plot.Chart{Lines: []plot.Line{plot.NewLine("", []float64{1, 2}, c.ys)}}
		svg, err := plot.Figure{Charts: []plot.Chart{chart}}.SVG()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(append([]string{"1", "2"}, c.want...), texts(t, svg)); diff != "" {
			t.Errorf("%s: ticks (-want +got):\n%s", name, diff)
		}
	}
}

func TestLogAxisFitsAnyRange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ys   []float64
		want []string
	}{
		"one value":       {[]float64{5}, []string{"5", "10"}},
		"within a decade": {[]float64{3, 4}, []string{"2", "5"}},
		"on its limits":   {[]float64{0.001, 0.02}, []string{"0.001", "0.002", "0.005", "0.01", "0.02"}},
		"many decades":    {[]float64{3, 40_000_000}, []string{"10", "100", "1000", "10 k", "100 k", "1 M", "10 M"}},
	} {
		chart := plot.Chart{Y: plot.Axis{Log: true}, Lines: []plot.Line{plot.NewLine("", []float64{1, 2}, c.ys)}}
		svg, err := plot.Figure{Charts: []plot.Chart{chart}}.SVG()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, texts(t, svg)[len(c.ys):]); diff != "" {
			t.Errorf("%s: ticks (-want +got):\n%s", name, diff)
		}
	}
}

func TestLabelsDoNotTouch(t *testing.T) {
	t.Parallel()
	xs := []float64{1, 10, 100, 500, 1000, 2000}
	chart := plot.Chart{X: plot.Axis{Log: true}, Lines: []plot.Line{plot.NewLine("", xs, xs)}}
	svg, err := plot.Figure{Charts: []plot.Chart{chart}}.SVG()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1", "10", "100", "500", "2000"}
	if diff := cmp.Diff(want, texts(t, svg)[:len(want)]); diff != "" {
		t.Errorf("ticks (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeDrawnIsAnError(t *testing.T) {
	t.Parallel()
	line := func(y float64) []plot.Line { return []plot.Line{plot.NewLine("l", []float64{1}, []float64{y})} }
	for want, f := range map[string]plot.Figure{
		"a figure without charts":                    {},
		`chart "c": it has no lines`:                 {Charts: []plot.Chart{{Title: "c"}}},
		`chart "c": line "l" has no points`:          {Charts: []plot.Chart{{Title: "c", Lines: []plot.Line{{Name: "l"}}}}},
		`chart "": line "l": the point (1, NaN) is`:  {Charts: []plot.Chart{{Lines: line(math.NaN())}}},
		`chart "": line "l": the point (1, +Inf) is`: {Charts: []plot.Chart{{Lines: line(math.Inf(1))}}},
		`chart "": line "l": the point (1, 0) is`:    {Charts: []plot.Chart{{Y: plot.Axis{Log: true}, Lines: line(0)}}},
	} {
		if _, err := f.SVG(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %s...", err, want)
		}
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	got := []string{
		plot.Number(0), plot.Number(0.05), plot.Number(4096), plot.Number(20_000), plot.Number(1_500_000),
		plot.Bytes(64), plot.Bytes(1023), plot.Bytes(1024), plot.Bytes(1.5 * 1024 * 1024), plot.Bytes(4 << 40),
	}
	want := []string{"0", "0.05", "4096", "20 k", "1.5 M", "64 B", "1023 B", "1 KiB", "1.5 MiB", "4096 GiB"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
}
