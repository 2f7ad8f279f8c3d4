// Package typednatstest is for the tests of programs that serve or call typed endpoints: NATS servers that end with
// the test, a service and a client in one line, a record of the calls that were made, and failures on demand.
//
// It is the only package of this module that imports the NATS server. Only tests should import it.
package typednatstest
