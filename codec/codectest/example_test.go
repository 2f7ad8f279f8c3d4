package codectest_test

import (
	"encoding/xml"
	"fmt"
	"testing"

	"github.com/typednats/typednats/codec/codectest"
)

// XML is a codec of one's own: one small type.
type XML struct{}

func (XML) ContentType() string                { return "application/xml" }
func (XML) Marshal(v any) ([]byte, error)      { return xml.Marshal(v) }
func (XML) Unmarshal(data []byte, v any) error { return xml.Unmarshal(data, v) }

type Order struct {
	ID    string   `xml:"id,attr"`
	Items []string `xml:"item"`
}

// TestXML is all it takes to check the codec, with values of the types it is meant for.
func TestXML(t *testing.T) {
	t.Parallel()
	codectest.Run(t, XML{}, Order{}, Order{ID: "o-1", Items: []string{"nut", "bolt"}})
}

// A codec of one's own is one small type with three methods. An endpoint uses it with WithCodec(XML{}), and a test
// checks it with codectest.Run(t, XML{}, Order{ID: "o-1"}).
func Example() {
	var c codectest.Codec = XML{}
	data, err := c.Marshal(Order{ID: "o-1", Items: []string{"nut", "bolt"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(data))

	var got Order
	err = c.Unmarshal(data, &got)
	fmt.Println(got, err)
	// Output:
	// <Order id="o-1"><item>nut</item><item>bolt</item></Order>
	// {o-1 [nut bolt]} <nil>
}
