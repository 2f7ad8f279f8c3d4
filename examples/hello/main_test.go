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
	// Hello, Ada!
	// Nobody: there is nobody to greet
}
