package msgpack_test

import (
	"math/big"
	"strconv"
	"testing"
	"time"

	"github.com/typednats/typednats/codec/msgpack"
)

// celsius has a method that returns an error of strconv as it is.
type celsius float64

func (c celsius) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(c), 'g', -1, 64), nil
}

func (c *celsius) UnmarshalText(text []byte) error {
	f, err := strconv.ParseFloat(string(text), 64)
	*c = celsius(f)
	return err
}

// Methods of the standard library tell of Go types and layouts, which say nothing to whoever has sent the value.
func TestDecodeErrorsNameNoGoTypes(t *testing.T) {
	t.Parallel()
	type order struct {
		At   time.Time `json:"at"`
		Wei  *big.Int  `json:"wei"`
		Warm celsius   `json:"warm"`
	}
	for _, tt := range []struct {
		sent map[string]string
		want string
	}{
		{map[string]string{"at": "yesterday"}, `msgpack: at: got "yesterday", want a time such as 2006-01-02T15:04:05Z`},
		{map[string]string{"wei": "x"}, `msgpack: wei: got "x", want an integer`},
		{map[string]string{"warm": "x"}, `msgpack: warm: got "x", want a number`},
		{map[string]string{"warm": "1e999"}, `msgpack: warm: the number "1e999" does not fit`},
	} {
		data, err := msgpack.Codec.Marshal(tt.sent)
		if err != nil {
			t.Fatal(err)
		}
		if err := msgpack.Codec.Unmarshal(data, new(order)); err == nil || err.Error() != tt.want {
			t.Errorf("%v: %v, want %s", tt.sent, err, tt.want)
		}
	}
}
