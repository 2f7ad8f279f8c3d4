package plot

import (
	"image/color"
	"math"
	"testing"
)

// luminance is the relative luminance of WCAG 2.
func luminance(c color.NRGBA) float64 {
	linear := func(v uint8) float64 {
		s := float64(v) / 0xff
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// Lines stand out 3 : 1 and texts 4 : 1, from a white page and from a dark one.
func TestColorsStandOutFromBothPages(t *testing.T) {
	t.Parallel()
	pages := []color.NRGBA{{R: 0xff, G: 0xff, B: 0xff, A: 0xff}, {R: 0x0d, G: 0x11, B: 0x17, A: 0xff}}
	check := func(c color.NRGBA, want float64) {
		for _, page := range pages {
			light, dark := luminance(page), luminance(c)
			if light < dark {
				light, dark = dark, light
			}
			if got := (light + 0.05) / (dark + 0.05); got < want {
				t.Errorf("color %x on %x: contrast %.2f, want %.1f", c, page, got, want)
			}
		}
	}
	check(inkColor(), 4)
	for _, c := range lineColors() {
		check(c, 3)
	}
}
