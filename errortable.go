package typednats

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/typednats/typednats/internal/wire"
)

// errorTable translates between wire tags and the Go types of an endpoint's declared errors.
type errorTable struct {
	byTag   map[string]*errorMember
	byType  map[reflect.Type]*errorMember // a member's type, and its pointer or value counterpart
	members []*errorMember                // in the order in which they were declared
	union   reflect.Type                  // the interface that they belong to; nil if there is none, or one that says nothing
	mapper  func(error) (string, int)     // nil means the default
}

// newErrorTable builds the table of an endpoint's declared errors and records what is wrong with them.
func newErrorTable(errType reflect.Type, declared []declaration, mapper *erasedMapper, m *mistakes) errorTable {
	t := errorTable{byTag: map[string]*errorMember{}, byType: map[reflect.Type]*errorMember{}}
	if errType.Kind() == reflect.Interface && errType != reflect.TypeFor[error]() {
		t.union = errType
	}
	if mapper != nil {
		t.mapper = mapper.call
		if t.mapper == nil {
			*m = append(*m, fmt.Errorf("error mapper: %w", errNil))
		}
	}
	for _, member := range membersOf(errType, declared, m) {
		t.register(member, m)
	}
	if len(declared) == 0 && errType.Kind() == reflect.Interface && errType != reflect.TypeFor[Never]() {
		m.add("error type", errType.String(),
			errors.New("no member is declared; list them with FailsWith, or use Never"))
	}
	return t
}

// membersOf collects the declarations by Go type, in the order of the first one.
func membersOf(errType reflect.Type, declared []declaration, m *mistakes) []*errorMember {
	var list []*errorMember
	add := func(typ reflect.Type) *errorMember {
		for _, known := range list {
			if known.typ == typ {
				return known
			}
		}
		member := &errorMember{typ: typ, body: newWireType(valueType(typ))}
		list = append(list, member)
		return member
	}
	if errType.Kind() != reflect.Interface {
		member := add(errType)
		member.sample, _ = reflect.TypeAssert[error](reflect.Zero(errType))
	}
	for _, d := range declared {
		if d.member == nil {
			m.add("error member", d.tag, errors.New("it is nil; give a value of its type"))
			continue
		}
		member := add(reflect.TypeOf(d.member))
		if isNil(member.sample) {
			member.sample = d.member
		}
		if !d.explicit {
			continue
		}
		if err := wire.CheckTag(d.tag); err != nil {
			m.add("tag of "+member.typ.String(), d.tag, err)
			continue
		}
		if !slices.Contains(member.tags, d.tag) {
			member.tags = append(member.tags, d.tag)
		}
	}
	return list
}

// register enters a member under its tags and types.
func (t *errorTable) register(member *errorMember, m *mistakes) {
	field := "error member"
	if err := checkMemberType(member.typ); err != nil {
		m.add(field, member.typ.String(), err)
		return
	}
	if len(member.tags) == 0 {
		tag, err := defaultTag(member.typ)
		if err != nil {
			m.add(field, member.typ.String(), err)
			return
		}
		member.tags = []string{tag}
	}
	member.tag = member.tags[0]
	if other := t.byType[member.typ]; other != nil {
		m.add(field, member.typ.String(), fmt.Errorf("%s is declared too; declare one of the two forms", other.typ))
		return
	}
	t.members = append(t.members, member)
	for _, form := range member.forms() {
		t.byType[form] = member
	}
	for _, tag := range member.tags {
		if other := t.byTag[tag]; other != nil {
			m.add("tag of "+member.typ.String(), tag, fmt.Errorf("%s has the same; set one with FailsWithTag", other.typ))
			continue
		}
		t.byTag[tag] = member
	}
}

// describe returns the description and the code of a declared error, fit to be sent. It fails if a method of the error,
// or the mapper, panics.
func (t *errorTable) describe(declared error, member *errorMember) (description string, code int, err error) {
	defer catchPanic(&err)
	code = wire.DefaultCode
	if t.mapper != nil {
		description, code = t.mapper(declared)
	} else {
		if coded, ok := declared.(interface{ ErrorCode() int }); ok {
			code = coded.ErrorCode()
		}
		description = declared.Error()
	}
	return wire.CleanDescription(description, member.tag), wire.CleanCode(code), nil
}

// decode turns a body into the declared error with the given tag. It returns nil for a tag that is not declared.
func (t *errorTable) decode(tag string, codec *wireCodec, body []byte) (error, error) {
	member := t.byTag[tag]
	if member == nil {
		return nil, nil //nolint:nilnil // neither a declared error nor a failure
	}
	pointer := reflect.New(member.body.Type)
	if err := member.body.decode(codec, body, pointer.Interface()); err != nil {
		return nil, err
	}
	if member.typ.Kind() != reflect.Pointer {
		pointer = pointer.Elem()
	}
	declared, _ := reflect.TypeAssert[error](pointer)
	return declared, nil
}
