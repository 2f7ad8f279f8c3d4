// Package wire says what crosses the wire: headers, error replies, reply subjects, subjects of the library's own, and
// text that is fit to be sent. It is pure functions: no connection and no type of the root package, so that golden
// files and fuzzing reach all of it. docs/wire.md is the same for readers of other languages.
package wire
