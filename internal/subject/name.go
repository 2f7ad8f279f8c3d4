package subject

import (
	"errors"
	"regexp"
	"strings"
)

// nameRegexp is what ADR-32 allows for the names of services and endpoints.
var nameRegexp = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// CheckName reports what is wrong with the name of a service or an endpoint. How long it is shows in the subject that it
// becomes part of.
func CheckName(name string) error {
	if !nameRegexp.MatchString(name) {
		return errors.New("want one or more letters, digits, dashes or underscores")
	}
	return nil
}

// CheckQueueGroup reports what is wrong with the name of a queue group.
func CheckQueueGroup(name string) error {
	if err := checkText(name); err != nil {
		return err
	}
	if strings.ContainsFunc(name, isSpaceOrControl) {
		return errors.New("it holds a space or a control character")
	}
	return nil
}
