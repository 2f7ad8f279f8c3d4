package contract

import (
	"errors"
	"fmt"
)

// Validate returns what is wrong with a document, all of it, or nil: a name or a subject that cannot be one, content
// types that are missing or twice there, tags that mean two errors, references that lead nowhere or in a circle, values
// that are not JSON. [Parse] has called it.
func (d Document) Validate() error {
	var mistakes []error
	wrong := func(path, format string, args ...any) {
		mistakes = append(mistakes, parseError(path, fmt.Errorf(format, args...)))
	}
	if !isName(d.Name) {
		wrong("name", "%s is not a name: letters, digits, - and _", quote(d.Name))
	}
	if !isSubject(d.Subject) {
		wrong("subject", "%s is not a subject", quote(d.Subject))
	}
	if d.Timeout < 0 {
		wrong("timeout_ms", "is negative")
	}
	if !isDistinct(d.ContentTypes) {
		wrong("content_types", "has one that is empty, or there twice")
	}
	var tags []string
	for i, e := range d.Errors {
		tags = append(append(tags, e.Tag), e.Aliases...)
		if e.Code < 0 {
			wrong(element("errors", i)+".code", "is negative")
		}
	}
	if !isDistinct(tags) {
		wrong("errors", "has a tag that is empty, or there twice")
	}
	if err := checkReferences(d.Defs, d.roots()); err != nil {
		mistakes = append(mistakes, err)
	} else if err := d.checkSize(); err != nil {
		mistakes = append(mistakes, err)
	}
	return errors.Join(mistakes...)
}
