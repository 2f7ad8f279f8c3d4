package contracttest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/contract/contracttest"
)

type (
	in struct {
		Item string `json:"item"`
	}
	inMore struct {
		Item string `json:"item"`
		Note string `json:"note,omitempty"`
	}
	inOther struct {
		Item int `json:"item"`
	}
	out   struct{}
	never = typednats.Never
)

// recorder is a test that fails without failing.
type recorder struct {
	testing.TB

	text string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatal(args ...any) {
	r.text = fmt.Sprint(args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }

// golden returns what Golden fails with, in a mode.
func golden(t *testing.T, mode, path string, endpoints ...typednats.Descriptor) string {
	t.Helper()
	t.Setenv(contracttest.Variable, mode)
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		contracttest.Golden(r, path, endpoints...)
	}()
	<-done
	return r.text
}

// expect fails the test if a text lacks one of the parts; without parts it must be empty.
func expect(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: %s\nwant %q in it", what, text, part)
		}
	}
	if len(parts) == 0 && text != "" {
		t.Errorf("%s: %s", what, text)
	}
}

// TestGolden is the life of a file.
func TestGolden(t *testing.T) { //nolint:paralleltest // it sets the environment
	path := filepath.Join(t.TempDir(), "testdata", "contracts.json")
	e := typednats.NewEndpoint[in, out, never]("e")
	other := typednats.NewEndpoint[in, out, never]("other")
	more := typednats.NewEndpoint[inMore, out, never]("e")
	broken := typednats.NewEndpoint[inOther, out, never]("e")
	inventory := typednats.NewServiceContract("inventory", e, other)
	const update, accept = "TYPEDNATS_CONTRACT='update' go test ./...", "TYPEDNATS_CONTRACT='accept: the reason' go test ./..."

	expect(t, "no file", golden(t, "", path, inventory.Endpoints()...), "there is no file "+path, update)
	expect(t, "written", golden(t, "update", path, inventory.Endpoints()...))
	expect(t, "the same", golden(t, "", path, inventory.Endpoints()...))
	expect(t, "another order", golden(t, "", path, other, e))
	expect(t, "words", golden(t, "", path, e.WithDescription("words"), other), "break nobody", "only words differ", update)
	expect(t, "harmless", golden(t, "", path, more, other), "break nobody", "request.note", update)
	expect(t, "still harmless", golden(t, "", path, more, other), update)
	expect(t, "updated", golden(t, "update", path, more, other))
	expect(t, "the same again", golden(t, "", path, more, other))

	for _, mode := range []string{"", "update"} {
		expect(t, "broken", golden(t, mode, path, broken, other), "breaks somebody", "breaking: e request.item", accept)
		expect(t, "removed", golden(t, mode, path, more), "breaks somebody", "other", accept)
	}
	expect(t, "not written", golden(t, "", path, more, other))
	expect(t, "no reason", golden(t, "accept: ", path, broken, other), "without a reason")
	expect(t, "a bad mode", golden(t, "yes", path, broken, other), `TYPEDNATS_CONTRACT is "yes"`)
	expect(t, "accepted", golden(t, "accept: nobody calls it", path, broken, other))
	expect(t, "the same at the end", golden(t, "", path, broken, other))
	data, err := os.ReadFile(path) //nolint:gosec // it is the test's own
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "the file", string(data), `"finding": "breaking: e request.item`, `"reason": "nobody calls it"`)
	expect(t, "the reason stays", golden(t, "update", path, broken.WithDescription("words"), other))
	if data, err = os.ReadFile(path); err != nil { //nolint:gosec // as above
		t.Fatal(err)
	}
	expect(t, "the file", string(data), `"reason": "nobody calls it"`, `"words"`)
}

func TestGoldenOfWhatIsUnsound(t *testing.T) { //nolint:paralleltest // it sets the environment
	path := filepath.Join(t.TempDir(), "contracts.json")
	expect(t, "an endpoint", golden(t, "update", path, typednats.NewEndpoint[in, out, never]("a b"), nil), `name "a b"`, "endpoint 2 is nil")
	if err := os.WriteFile(path, []byte(`{"endpoints":[{"typednats":1}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, "a file", golden(t, "", path), "read "+path)
}
