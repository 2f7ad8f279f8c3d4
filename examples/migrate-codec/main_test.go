package main

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func Example_main() {
	main()
	// Output:
	// 1.0.0 takes JSON only: clients must not change over yet.
	// 1.1.0 takes both, and no JSON call failed on the way: clients can change over.
	// 2.0.0 takes msgpack only, and no msgpack call failed on the way.
}
