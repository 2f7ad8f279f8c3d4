package json_test

import (
	"fmt"

	"github.com/typednats/typednats/codec/json"
)

type Greeting struct {
	Name string `json:"name"`
	Loud bool   `json:"loud,omitempty"`
}

func Example() {
	data, err := json.Codec.Marshal(Greeting{Name: "Ada"})
	fmt.Println(string(data), err)

	var got Greeting
	err = json.Codec.Unmarshal([]byte(`{"name":"Grace","loud":true,"since":1906}`), &got)
	fmt.Println(got, err)
	// Output:
	// {"name":"Ada"} <nil>
	// {Grace true} <nil>
}

// A strict codec refuses fields that it does not know. An endpoint takes it with WithCodec.
func ExampleNew() {
	strict := json.New(json.WithoutUnknownFields())
	var got Greeting
	err := strict.Unmarshal([]byte(`{"name":"Grace","since":1906}`), &got)
	fmt.Println(err)
	// Output:
	// json: unknown field "since"
}
