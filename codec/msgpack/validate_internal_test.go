package msgpack

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vmihailenco/msgpack/v5"
)

// FuzzValidate compares validate with the library's own walk over a value, which decodes nothing. They must agree on
// every input: where they do not, the decoder reads lengths that validate has not seen.
func FuzzValidate(f *testing.F) {
	for _, seed := range []string{
		"", "\x01", "\xc0", "\xc1", "\x93\x01\xa1a\xc4\x01b", "\x82\xa1a\x90\xa1b\x80", "\xc7\x03\x01abc", "\xd4\x01a", "\xd8\xff0123456789abcdef",
		"\xdc\x00\x02\x01\x02", "\xdd\x00\x00\x00\x01\xc3", "\xde\x00\x01\xa0\xc2", "\xdf\x00\x00\x00\x01\xa0\xc2", "\xd9\x01a", "\xda\x00\x01a",
		"\xdb\x00\x00\x00\x01a", "\xca0123", "\xcb01234567", "\xcf01234567", "\xd3\xff\xff\xff\xff\xff\xff\xff\xff", "\xc8\x00\x01\x05a",
		"\xc9\x00\x00\x00\x01\x05a", "\xdd\xff\xff\xff\xff\x01", "\x92\xc7\x00\x05\x80", "\xe0\xff\x7f",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got := new(validator).validate(data)
		if errors.Is(got, errTooDeep) || errors.Is(got, errInterned) {
			return // the library has no such limits
		}
		r := bytes.NewReader(data)
		want := msgpack.NewDecoder(r).Skip()
		if want == nil && r.Len() > 0 {
			want = errors.New("trailing data")
		}
		if (got == nil) != (want == nil) {
			t.Errorf("validate(%x) = %v, but the library says %v", data, got, want)
		}
	})
}

func TestValidateFindsPayloads(t *testing.T) {
	t.Parallel()
	var w validator
	// The second of five extensions has no payload.
	if err := w.validate([]byte("\x95\xd4\x01a\xc7\x00\x01\xc7\x02\x01ab\xc8\x00\x01\x01a\xc9\x00\x00\x00\x01\x01a")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{3, 10, 16, 23}, w.payloads); diff != "" {
		t.Errorf("payloads (-want +got):\n%s", diff)
	}
}
