package msgpack_test

import (
	"fmt"

	"github.com/typednats/typednats/codec/msgpack"
)

type Greeting struct {
	Name string `json:"name"`
	Loud bool   `json:"loud,omitempty"`
}

func Example() {
	data, err := msgpack.Codec.Marshal(Greeting{Name: "Ada"})
	fmt.Printf("%q %v\n", data, err)

	var got Greeting
	err = msgpack.Codec.Unmarshal(data, &got)
	fmt.Println(got, err)
	// Output:
	// "\x81\xa4name\xa3Ada" <nil>
	// {Ada false} <nil>
}

// Six bytes that promise an array of four billion numbers are refused before anything is allocated.
func Example_hostileBytes() {
	var got []int64
	err := msgpack.Codec.Unmarshal([]byte{0xdd, 0xff, 0xff, 0xff, 0xff, 0x01}, &got)
	fmt.Println(err)
	// Output:
	// msgpack: the data ends before the value does
}
