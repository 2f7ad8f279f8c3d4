package raw_test

import (
	"fmt"

	"github.com/typednats/typednats/codec/raw"
)

// Document is sent as the bytes that it consists of.
type Document []byte

func Example() {
	data, err := raw.Codec.Marshal(Document("%PDF-1.7"))
	fmt.Printf("%s %v\n", data, err)

	var got Document
	err = raw.Codec.Unmarshal(data, &got)
	fmt.Printf("%s %v\n", got, err)

	_, err = raw.Codec.Marshal(42)
	fmt.Println(err)
	// Output:
	// %PDF-1.7 <nil>
	// %PDF-1.7 <nil>
	// raw: cannot encode int: it is neither string nor []byte
}
