// Package browsertest holds the tests of the explorer's page in a browser. It is a module of its own, so that what drives the
// browser stays out of the main go.mod.
package browsertest
