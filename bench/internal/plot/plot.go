// Package plot draws figures as SVG that is legible on a light and on a dark page.
package plot

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Sizes in points, which are the units of the drawing.
const (
	chartWidth  vg.Length = 300
	chartHeight vg.Length = 200
	margin      vg.Length = 8
	lineHeight  vg.Length = 13
	columns               = 2
)

// Figure is charts in one picture, two beside each other.
type Figure struct {
	Charts []Chart
}

// Chart is lines over one pair of axes.
type Chart struct {
	Title string
	X, Y  Axis
	Lines []Line
}

// Line is points that belong together, joined in the order in which they stand.
type Line struct {
	Name   string
	Points []Point
}

// Point is one point of a [Line].
type Point struct{ X, Y float64 }

// NewLine makes a line of as many points as both slices have values for.
func NewLine(name string, xs, ys []float64) Line {
	l := Line{Name: name}
	for i := range min(len(xs), len(ys)) {
		l.Points = append(l.Points, Point{xs[i], ys[i]})
	}
	return l
}

// SVG draws the figure.
func (f Figure) SVG() ([]byte, error) {
	if len(f.Charts) == 0 {
		return nil, errors.New("a figure without charts")
	}
	rows := (len(f.Charts) + columns - 1) / columns
	tiles := draw.Tiles{
		Cols: min(columns, len(f.Charts)), Rows: rows, PadX: 2 * margin, PadY: 2 * margin,
		PadTop: margin, PadBottom: margin, PadLeft: margin, PadRight: margin,
	}
	canvas := vgsvg.New(vg.Length(tiles.Cols)*(chartWidth+2*margin), vg.Length(rows)*(chartHeight+2*margin))
	whole := draw.New(canvas)
	for i, c := range f.Charts {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("chart %q: %w", c.Title, err)
		}
		if err := c.draw(tiles.At(whole, i%columns, i/columns)); err != nil {
			return nil, fmt.Errorf("chart %q: %w", c.Title, err)
		}
	}
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return nil, err
	}
	return withFallbackFonts(svg.Bytes()), nil
}

// check reports what cannot be drawn.
func (c Chart) check() error {
	if len(c.Lines) == 0 {
		return errors.New("it has no lines")
	}
	for _, l := range c.Lines {
		if len(l.Points) == 0 {
			return fmt.Errorf("line %q has no points", l.Name)
		}
		for _, p := range l.Points {
			if !c.X.takes(p.X) || !c.Y.takes(p.Y) {
				return fmt.Errorf("line %q: the point (%v, %v) is not between the axes", l.Name, p.X, p.Y)
			}
		}
	}
	return nil
}

// draw draws the title, the names of the lines below it, and the lines below these.
func (c Chart) draw(canvas draw.Canvas) error {
	p := gonum.New()
	p.BackgroundColor = nil
	p.Add(grid())
	p.Legend.Top, p.Legend.Left, p.Legend.ThumbnailWidth = true, true, 2*margin
	styleText(&p.Legend.TextStyle)

	title := p.Legend.TextStyle
	title.YAlign = draw.YTop
	canvas.FillText(title, vg.Point{X: canvas.Min.X, Y: canvas.Max.Y}, c.Title)

	left := vg.Length(0)
	for i, l := range c.Lines {
		line, dots, err := plotter.NewLinePoints(l.points())
		if err != nil {
			return err
		}
		line.LineStyle, dots.GlyphStyle = lineStyle(i), glyphStyle(i)
		p.Add(line, dots)
		name := p.Legend // one with a single entry, so that they stand beside each other
		name.Add(l.Name, line, dots)
		name.Draw(draw.Crop(canvas, left, 0, 0, -lineHeight))
		left += name.ThumbnailWidth + name.TextStyle.Width(l.Name) + 2*margin
	}
	c.X.applyTo(&p.X, p.X.Min, p.X.Max, c.xs())
	c.Y.applyTo(&p.Y, p.Y.Min, p.Y.Max, nil)
	p.Draw(draw.Crop(canvas, 0, 0, 0, -2*lineHeight-margin/2))
	return nil
}

func (l Line) points() plotter.XYs {
	var xys plotter.XYs
	for _, p := range l.Points {
		xys = append(xys, plotter.XY(p))
	}
	return xys
}

// xs is where the lines have points.
func (c Chart) xs() []float64 {
	var xs []float64
	for _, l := range c.Lines {
		for _, p := range l.Points {
			xs = append(xs, p.X)
		}
	}
	slices.Sort(xs)
	return slices.Compact(xs)
}
