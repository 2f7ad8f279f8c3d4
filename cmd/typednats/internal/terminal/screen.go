package terminal

import "strings"

// What moves the cursor, and clears.
const (
	EnterScreen = "\x1b[?1049h\x1b[?25l" // the alternate screen, without a cursor
	LeaveScreen = "\x1b[?25h\x1b[?1049l"
	Home        = "\x1b[H"
	EndLine     = "\x1b[K\r\n"
	ClearBelow  = "\x1b[J"
)

// The keys that are no characters, as [Keys] has them.
const (
	KeyUp   byte = 0x80
	KeyDown byte = 0x81
)

// Keys returns the keys in what a terminal sent. Of the sequences that stand for keys, only the arrows are known.
func Keys(data []byte) []byte {
	var keys []byte
	for len(data) > 0 {
		if data[0] != '\x1b' {
			if data[0] < 0x80 {
				keys = append(keys, data[0])
			}
			data = data[1:]
			continue
		}
		data = data[1:]
		if len(data) == 0 || data[0] != '[' && data[0] != 'O' {
			continue
		}
		end := 1
		for end < len(data) && (data[end] < '@' || data[end] > '~') {
			end++
		}
		if end == len(data) {
			return keys
		}
		switch data[end] {
		case 'A':
			keys = append(keys, KeyUp)
		case 'B':
			keys = append(keys, KeyDown)
		}
		data = data[end+1:]
	}
	return keys
}

// Cut returns as much of a line as fits into a width. Sequences that dress the text take no room, and stay whole.
func Cut(line string, width int) string {
	var b strings.Builder
	styled, inside := false, false
	for _, r := range line {
		switch {
		case r == '\x1b':
			styled, inside = true, true
		case inside:
			inside = r != 'm'
		case width == 0:
			continue
		default:
			width--
		}
		b.WriteRune(r)
	}
	if styled && width == 0 {
		b.WriteString(Plain)
	}
	return b.String()
}
