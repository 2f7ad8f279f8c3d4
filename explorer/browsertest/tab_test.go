package browsertest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"
)

// patience bounds what should take a moment, so that a failure is not a hang.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// browserPath finds a Chromium. On CI a missing one fails the test: a page that nobody looks at is not tested.
func browserPath(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("there is no Chromium: `make chromium` installs one")
	}
	t.Skip("there is no Chromium on this machine; `make chromium CI=true` installs one on Debian")
	return ""
}

// tab is a page in a browser of its own.
type tab struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // it is the tab, as chromedp has it
}

// newTab starts a browser that ends with the test.
func newTab(t *testing.T) tab {
	t.Helper()
	opts := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	opts = append(opts, chromedp.ExecPath(browserPath(t)), chromedp.NoSandbox, chromedp.Flag("disable-gpu", true))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	tb := tab{t, ctx}
	tb.do(chromedp.Navigate("about:blank"))
	return tb
}

// navigate opens an address. From then on what the page throws, or its own policy forbids, fails the test.
func (tb tab) navigate(url string) {
	tb.t.Helper()
	err := chromedp.Listen(tb.ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			tb.t.Errorf("the page throws: %s, line %d: %s", e.ExceptionDetails.Text, e.ExceptionDetails.LineNumber+1, thrown(e))
		case *log.EventEntryAdded:
			if e.Entry.Source == log.EntrySourceSecurity {
				tb.t.Errorf("the page's policy forbids: %s", e.Entry.Text)
			}
		}
	})
	if err != nil {
		tb.t.Fatal(err)
	}
	tb.do(chromedp.Navigate(url))
}

func thrown(e *runtime.EventExceptionThrown) string {
	if e.ExceptionDetails.Exception == nil {
		return ""
	}
	return e.ExceptionDetails.Exception.Description
}

// press presses a key that writes something, as a keyboard does: a page that takes the key for itself gets no text.
func (tb tab) press(key string) {
	tb.t.Helper()
	tb.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		for _, event := range []input.DispatchKeyEventParams{
			{Type: input.DispatchKeyEventTypeKeyDown, Key: key, Text: key, UnmodifiedText: key},
			{Type: input.DispatchKeyEventTypeKeyUp, Key: key},
		} {
			if _, err := cdp.Call(ctx, target, input.DispatchKeyEvent, event); err != nil {
				return err
			}
		}
		return nil
	}))
}

// do makes steps, one after the other.
func (tb tab) do(steps ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	done := make(chan error, 1)
	// The context of the first steps is that of the browser, so the time is bounded beside it.
	go func() { done <- chromedp.Do(tb.ctx, steps...) }()
	select {
	case err := <-done:
		if err != nil {
			tb.t.Fatal(err)
		}
	case <-time.After(patience):
		tb.t.Fatal("the browser takes too long")
	}
}

// device makes the window as large as that of a device.
func (tb tab) device(width, height int64, isPhone bool) {
	tb.t.Helper()
	tb.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: width, Height: height, DeviceScaleFactor: 2, Mobile: isPhone,
		})
		return err
	}))
}

// scheme makes the user prefer a light or a dark page.
func (tb tab) scheme(name string) {
	tb.t.Helper()
	tb.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
		})
		return err
	}))
}

// eval returns what an expression is in the page.
func eval[T any](tb tab, expression string) T {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		tb.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// until waits for an expression to be true. It is looked at again and again, since a page that is being loaded has none that
// could be followed.
func (tb tab) until(what, expression string) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if is && err == nil {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			tb.t.Fatalf("%s: it is not so (%v); the page says:\n%s", what, err, eval[string](tb, "document.body.innerText"))
		}
	}
}

// picture writes what the window shows to a file, if a folder for that is given.
func (tb tab) picture(name string) {
	tb.t.Helper()
	folder := os.Getenv("EXPLORER_PICTURES")
	if folder == "" {
		return
	}
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	data, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		tb.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), data, 0o600); err != nil { //nolint:gosec // whoever runs the test says where
		tb.t.Fatal(err)
	}
}
