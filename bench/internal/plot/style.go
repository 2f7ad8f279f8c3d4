package plot

import (
	"bytes"
	"image/color"

	gonum "gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	textSize  vg.Length = 9
	lineWidth vg.Length = 1.5
	thinWidth vg.Length = 0.5
)

// There is no background: the page's shows through. So each color stands out from white and from a page that is almost
// black.

// inkColor is for what is written, and for the axes.
func inkColor() color.NRGBA { return color.NRGBA{R: 0x6e, G: 0x77, B: 0x81, A: 0xff} }

// gridColor is for what only guides the eye.
func gridColor() color.NRGBA { return color.NRGBA{R: 0x80, G: 0x80, B: 0x80, A: 0x50} }

// lineColors tell lines apart.
func lineColors() []color.NRGBA {
	return []color.NRGBA{
		{R: 0x3b, G: 0x82, B: 0xf6, A: 0xff}, // blue
		{R: 0xd9, G: 0x73, B: 0x06, A: 0xff}, // orange
		{R: 0x16, G: 0x9a, B: 0x4a, A: 0xff}, // green
		{R: 0xa8, G: 0x55, B: 0xf7, A: 0xff}, // purple
		{R: 0xdb, G: 0x27, B: 0x77, A: 0xff}, // pink
	}
}

func lineStyle(i int) draw.LineStyle {
	colors := lineColors()
	return draw.LineStyle{Color: colors[i%len(colors)], Width: lineWidth}
}

// glyphStyle tells lines apart for those who don't see their colors.
func glyphStyle(i int) draw.GlyphStyle {
	shapes := []draw.GlyphDrawer{
		draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.CrossGlyph{}, draw.RingGlyph{},
	}
	return draw.GlyphStyle{Color: lineStyle(i).Color, Radius: 2 * lineWidth, Shape: shapes[i%len(shapes)]}
}

func grid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Horizontal = draw.LineStyle{Color: gridColor(), Width: thinWidth}
	g.Vertical = draw.LineStyle{}
	return g
}

func styleAxis(axis *gonum.Axis) {
	ink := draw.LineStyle{Color: inkColor(), Width: thinWidth}
	axis.LineStyle, axis.Tick.LineStyle = ink, ink
	axis.Tick.Length, axis.Padding, axis.Label.Padding = margin/2, margin/2, margin/2
	styleText(&axis.Label.TextStyle)
	styleText(&axis.Tick.Label)
}

func styleText(s *text.Style) {
	s.Color = inkColor()
	s.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: textSize}
}

// withFallbackFonts names fonts with the same widths beside the one that texts were measured with, which few readers
// have.
func withFallbackFonts(svg []byte) []byte {
	return bytes.ReplaceAll(svg, []byte("font-family:Liberation Sans;"),
		[]byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
}
