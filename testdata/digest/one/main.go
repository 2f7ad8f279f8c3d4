// The program prints the digest of a contract. Another one has the same types at another import path.
package main

import (
	"fmt"
	"os"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
)

type page[T any] struct {
	Items []T
	Next  *page[T]
}

type item struct {
	Name string
	Seal [2]byte
}

type missing struct{ Item item }

func (missing) Error() string { return "missing" }

func main() {
	type local struct{ Of map[string]page[item] }
	doc, err := typednats.NewEndpoint[page[local], item, missing]("e").WithCodec(json.Codec, msgpack.Codec).Contract()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(doc.Digest())
}
