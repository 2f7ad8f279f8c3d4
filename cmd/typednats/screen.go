package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/typednats/typednats/cmd/typednats/internal/rates"
	"github.com/typednats/typednats/cmd/typednats/internal/terminal"
)

// sizeCheck is how often the size of the terminal is looked at. There is a signal for that, but not on each system.
const sizeCheck = 200 * time.Millisecond

// screen is a table on a terminal.
type screen struct {
	tool   *tool
	watch  *watch
	file   *os.File
	view   view
	isLive bool // a first answer has come
	order  rates.Order
	offset int // rows that are scrolled away
	width  int
	height int
}

// showTop draws the table until the user has enough, or count tables were shown.
func (t *tool) showTop(ctx context.Context, w *watch, count int) error {
	file, ok := t.stdout.Writer.(*os.File)
	if !ok {
		return fail(exitBug, errors.New("standard output is no file"))
	}
	keys, restore, err := t.readKeys()
	if err != nil {
		return err
	}
	defer restore()
	t.printf("%s", terminal.EnterScreen)
	defer t.printf("%s", terminal.LeaveScreen)

	ctx, cancel := context.WithCancel(ctx)
	views := make(chan view)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case views <- w.next(ctx):
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() { cancel(); <-done }()

	s := &screen{tool: t, watch: w, file: file, order: w.order}
	ticker := time.NewTicker(sizeCheck)
	defer ticker.Stop()
	s.resize()
	s.draw()
	for shown := 0; count == 0 || shown <= count; {
		select {
		case <-ctx.Done():
			return nil
		case s.view = <-views:
			s.isLive = true
			shown++ // the first has no rates yet
			s.draw()
		case key := <-keys:
			if s.press(key) {
				return nil
			}
			s.draw()
		case <-ticker.C:
			if s.resize() {
				s.draw()
			}
		}
		if t.stdout.err != nil {
			return fail(exitUsage, t.stdout.err)
		}
	}
	return nil
}

// readKeys has the terminal hand over each key at once. Without a terminal on standard input there are no keys. The
// goroutine that reads ends with the process: a read of a terminal cannot be ended.
func (t *tool) readKeys() (keys <-chan byte, restore func(), err error) {
	file, ok := t.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, func() {}, nil
	}
	state, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return nil, nil, fail(exitUsage, fmt.Errorf("read keys: %w", err))
	}
	pressed := make(chan byte)
	go func() {
		buf := make([]byte, 64)
		for {
			n, err := file.Read(buf)
			for _, key := range terminal.Keys(buf[:n]) {
				pressed <- key
			}
			if err != nil {
				pressed <- 'q' // the terminal is gone
				return
			}
		}
	}()
	return pressed, func() { _ = term.Restore(int(file.Fd()), state) }, nil
}

// press does what a key means, and reports whether that is the end.
func (s *screen) press(key byte) bool {
	switch key {
	case 'q', 'Q', 3, 4: // Ctrl-C, Ctrl-D
		return true
	case 'n':
		s.order = rates.Name
	case 'r':
		s.order = rates.Requests
	case 'e':
		s.order = rates.Errors
	case 'l':
		s.order = rates.Latency
	case 'j', terminal.KeyDown:
		s.offset++
	case 'k', terminal.KeyUp:
		s.offset = max(s.offset-1, 0)
	}
	return false
}

// resize looks at the size of the terminal, and reports whether that has changed.
func (s *screen) resize() bool {
	width, height, err := term.GetSize(int(s.file.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		width, height = 80, 24
	}
	changed := width != s.width || height != s.height
	s.width, s.height = width, height
	return changed
}

// draw writes the whole screen in one piece, so that it does not flicker.
func (s *screen) draw() {
	rates.By(s.order)(s.view.rows)
	head := []string{s.title(), s.status(), ""}
	lines := s.tool.topTable(s.view.rows).Lines()
	head = append(head, lines[0])
	rows := lines[1:]
	room := max(s.height-len(head)-1, 1) // the last line is for what does not fit
	s.offset = min(s.offset, max(len(rows)-room, 0))
	visible := rows[s.offset:min(s.offset+room, len(rows))]
	var b strings.Builder
	b.WriteString(terminal.Home)
	for _, line := range append(head, visible...) {
		b.WriteString(terminal.Cut(line, s.width) + terminal.EndLine)
	}
	if more := len(rows) - len(visible); more > 0 {
		b.WriteString(terminal.Cut(fmt.Sprintf("%d more; scroll with the arrows", more), s.width))
	}
	b.WriteString(terminal.ClearBelow)
	s.tool.printf("%s", b.String())
}

func (s *screen) title() string {
	return fmt.Sprintf("typednats top, %s, sorted by %s    n name  r requests  e errors  l latency  q quit",
		terminal.Safe(s.watch.server), s.order)
}

func (s *screen) status() string {
	switch {
	case !s.isLive:
		return "asking the services"
	case s.view.err != nil:
		return "no answer: " + terminal.Safe(s.view.err.Error())
	default:
		return fmt.Sprintf("%s: %d instances, %d endpoints", s.view.at.Format(time.TimeOnly), s.view.instances, len(s.view.rows))
	}
}
