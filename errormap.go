package typednats

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// ErrorMapper gives a declared error the description and the code that cross the wire beside it, for people, for
// logs and for clients in other languages. An empty description is replaced by the error's wire tag, a code below 1
// by 500.
type ErrorMapper[Err error] func(err Err) (description string, code int)

// maxTag bounds a wire tag, in bytes.
const maxTag = 256

// erasedMapper is an ErrorMapper without its type parameter. A nil call is a nil mapper.
type erasedMapper struct {
	call func(error) (string, int)
}

func eraseMapper[Err error](m ErrorMapper[Err]) *erasedMapper {
	if m == nil {
		return &erasedMapper{}
	}
	return &erasedMapper{func(err error) (string, int) {
		declared, ok := err.(Err) //nolint:errorlint // find has unwrapped it
		if !ok {                  // FailsWith accepts values of Err only
			return err.Error(), codeInternal
		}
		return m(declared)
	}}
}

// declaration is one member given to FailsWith or, with an explicit tag, to FailsWithTag.
type declaration struct {
	member   error
	tag      string
	explicit bool
}

func (s *spec) declare(d declaration) {
	s.declared = append(slices.Clip(s.declared), d) // Clip: the receiver's slice is shared with other copies
}

// errorTable translates between wire tags and the Go types of an endpoint's declared errors.
type errorTable struct {
	byTag  map[string]*errorMember
	byType map[reflect.Type]*errorMember // a member's type, and its pointer or value counterpart
	mapper func(error) (string, int)     // nil means the default
}

// errorMember is one declared error.
type errorMember struct {
	typ   reflect.Type // the declared form
	tag   string       // the tag that is sent
	tags  []string     // all tags that were given
	empty bool         // a type without fields, whose body does not matter
}

// errorTable builds the table of the endpoint's declared errors and records what is wrong with them.
func (s *spec) errorTable(m *mistakes) errorTable {
	t := errorTable{byTag: map[string]*errorMember{}, byType: map[reflect.Type]*errorMember{}}
	if s.mapper != nil {
		t.mapper = s.mapper.call
		if t.mapper == nil {
			*m = append(*m, fmt.Errorf("error mapper: %w", errNil))
		}
	}
	for _, member := range s.members(m) {
		t.register(member, m)
	}
	if len(s.declared) == 0 && s.errType.Kind() == reflect.Interface && s.errType != reflect.TypeFor[Never]() {
		m.add("error type", s.errType.String(),
			errors.New("no member is declared; list them with FailsWith, or use Never"))
	}
	return t
}

// members collects the declarations by Go type, in the order of the first one.
func (s *spec) members(m *mistakes) []*errorMember {
	var list []*errorMember
	add := func(typ reflect.Type) *errorMember {
		for _, known := range list {
			if known.typ == typ {
				return known
			}
		}
		member := &errorMember{typ: typ, empty: isEmptyStruct(valueType(typ))}
		list = append(list, member)
		return member
	}
	if s.errType.Kind() != reflect.Interface {
		add(s.errType)
	}
	for _, d := range s.declared {
		if d.member == nil {
			m.add("error member", d.tag, errors.New("it is nil; give a value of its type"))
			continue
		}
		member := add(reflect.TypeOf(d.member))
		if !d.explicit {
			continue
		}
		if err := checkTag(d.tag); err != nil {
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
	t.byType[member.typ] = member
	if other := counterpart(member.typ); other.Implements(reflect.TypeFor[error]()) {
		t.byType[other] = member
	}
	for _, tag := range member.tags {
		if other := t.byTag[tag]; other != nil {
			m.add("tag of "+member.typ.String(), tag, fmt.Errorf("%s has the same; set one with FailsWithTag", other.typ))
			continue
		}
		t.byTag[tag] = member
	}
}

func checkMemberType(typ reflect.Type) error {
	if typ == reflect.TypeFor[*ServiceError]() {
		return errors.New("it crosses the wire without being declared")
	}
	switch valueType(typ).Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return errors.New("its kind cannot be encoded")
	default:
		return nil
	}
}

// checkTag reports what is wrong with a wire tag, which must survive being a header's value.
func checkTag(tag string) error {
	switch {
	case tag == "":
		return errEmpty
	case len(tag) > maxTag:
		return fmt.Errorf("it has %d bytes, more than %d", len(tag), maxTag)
	case strings.ContainsFunc(tag, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("want printable ASCII without spaces")
	}
	return nil
}

// defaultTag is the bare name of a type: a package path would move.
func defaultTag(typ reflect.Type) (string, error) {
	name := valueType(typ).Name()
	if name == "" || strings.Contains(name, "[") {
		return "", errors.New("an unnamed or generic type has no default tag; set one with FailsWithTag")
	}
	if err := checkTag(name); err != nil {
		return "", fmt.Errorf("its name cannot be a tag (%w); set one with FailsWithTag", err)
	}
	return name, nil
}

func valueType(typ reflect.Type) reflect.Type {
	if typ.Kind() == reflect.Pointer {
		return typ.Elem()
	}
	return typ
}

// counterpart returns the pointer type of a value type, and the other way round.
func counterpart(typ reflect.Type) reflect.Type {
	if typ.Kind() == reflect.Pointer {
		return typ.Elem()
	}
	return reflect.PointerTo(typ)
}

// find returns the outermost declared member or *ServiceError in err's tree, in the form that was declared. The
// member is nil for a *ServiceError; both are nil where err holds neither.
//
//nolint:errorlint,revive,staticcheck // it unwraps one step at a time, and what it finds is not its own failure
func (t *errorTable) find(err error) (error, *errorMember) {
	for err != nil {
		if member := t.byType[reflect.TypeOf(err)]; member != nil {
			if declared := member.declaredForm(err); declared != nil {
				return declared, member
			}
			return nil, nil
		}
		if se, ok := err.(*ServiceError); ok {
			if se != nil {
				return se, nil
			}
			return nil, nil
		}
		switch wrapper := err.(type) {
		case interface{ Unwrap() error }:
			err = wrapper.Unwrap()
		case interface{ Unwrap() []error }:
			for _, branch := range wrapper.Unwrap() {
				if found, member := t.find(branch); found != nil {
					return found, member
				}
			}
			return nil, nil
		default:
			return nil, nil
		}
	}
	return nil, nil
}

// declaredForm turns a pointer to a declared value, or the value of a declared pointer, into what was declared. It
// returns nil for a nil pointer, which has nothing to send.
func (member *errorMember) declaredForm(err error) error {
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return nil
	}
	if v.Type() == member.typ {
		return err
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	} else {
		pointer := reflect.New(v.Type())
		pointer.Elem().Set(v)
		v = pointer
	}
	declared, _ := reflect.TypeAssert[error](v)
	return declared
}

// describe returns the description and the code of a declared error, fit to be sent.
func (t *errorTable) describe(declared error, member *errorMember) (string, int) {
	var description string
	code := codeInternal
	if t.mapper != nil {
		description, code = t.mapper(declared)
	} else {
		if coded, ok := declared.(interface{ ErrorCode() int }); ok {
			code = coded.ErrorCode()
		}
		description = declared.Error()
	}
	return cleanDescription(description, member.tag), cleanCode(code)
}

// decode turns a body into the declared error with the given tag. It returns nil for a tag that is not declared.
func (t *errorTable) decode(tag string, codec Codec, body []byte) (error, error) {
	member := t.byTag[tag]
	if member == nil {
		return nil, nil //nolint:nilnil // neither a declared error nor a failure
	}
	pointer := reflect.New(valueType(member.typ))
	if !member.empty {
		if err := codec.Unmarshal(body, pointer.Interface()); err != nil {
			return nil, err
		}
	}
	if member.typ.Kind() != reflect.Pointer {
		pointer = pointer.Elem()
	}
	declared, _ := reflect.TypeAssert[error](pointer)
	return declared, nil
}
