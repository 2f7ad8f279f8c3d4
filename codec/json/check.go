package json

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"sync"

	"github.com/typednats/typednats/internal/fields"
)

//nolint:gochecknoglobals // types are constants in all but name
var (
	marshaler       = reflect.TypeFor[json.Marshaler]()
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// checked holds the results of CheckType, which are the same for all codecs.
var checked sync.Map //nolint:gochecknoglobals // what is in it follows from the types

// CheckType returns an error if values of the type cannot make the trip: encoding or decoding fails each time, or what
// they hold is lost on the way without an error. It names the path to each Go field that is to blame. These are
//
//   - channels, functions, complex numbers, unsafe pointers, and pointers to themselves;
//   - interfaces with methods, because decoding does not know which type to fill in;
//   - map keys that are not text, integers or a type with MarshalText and UnmarshalText;
//   - structs that hold all that they have in unexported fields, without a method that encodes them;
//   - an embedded type whose methods encode the whole struct, so that the fields beside it are lost;
//   - an embedded pointer whose methods decode the whole struct, since it is nil then;
//   - two fields of the same name on the same level, of which neither is sent;
//   - a type with one of MarshalText and UnmarshalText, if the other way does not understand it;
//   - the option string on a number, a boolean or text with methods of its own;
//   - methods with pointer receivers that encode the values of a map, which have no address.
//
// A mistake in the options of [New] is an error for each type.
func (e Encoding) CheckType(t reflect.Type) error {
	if err := e.check(); err != nil {
		return err
	}
	if t == nil {
		return errors.New("json: a nil type")
	}
	if known, ok := checked.Load(t); ok {
		err, _ := known.(error)
		return err
	}
	c := checker{seen: map[visit]bool{}}
	c.check(visit{t, true, true, true}, fields.TypeName(t))
	err := errors.Join(c.problems...)
	checked.Store(t, err)
	return err
}

// visit is a type as it is met on the way through another one.
type visit struct {
	reflect.Type
	encoded, decoded bool // by encoding/json, and not by a method of something around it
	addressable      bool // so methods with pointer receivers are called
}

// checker walks over a type. It looks at each visit once, so it ends for types that contain themselves.
type checker struct {
	seen     map[visit]bool
	problems []error
}

// refusef records what is wrong with the field at a path.
func (c *checker) refusef(path, format string, args ...any) {
	c.problems = append(c.problems, fmt.Errorf("json: %s: %w", path, fmt.Errorf(format, args...)))
}

func (c *checker) check(v visit, path string) {
	if c.seen[v] {
		return
	}
	c.seen[v] = true
	if v.Kind() == reflect.Interface {
		if v.decoded && v.NumMethod() > 0 {
			c.refusef(path, "decoding cannot fill the interface %v; give it a concrete type, or the type around it UnmarshalJSON", v.Type)
		}
		return
	}
	next, ok := c.checkMethods(v, path)
	if ok && (next.encoded || next.decoded) {
		c.checkKind(next, path)
	}
}

// checkKind checks a value that is encoded or decoded by its kind.
func (c *checker) checkKind(v visit, path string) {
	switch v.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		if v.encoded {
			c.refusef(path, "%v cannot be encoded", v.Type)
		}
	case reflect.Pointer:
		if fields.IsEndless(v.Type) {
			c.refusef(path, "%v is a pointer to itself", v.Type)
			return
		}
		c.check(visit{v.Elem(), v.encoded, v.decoded, true}, path)
	case reflect.Slice:
		c.check(visit{v.Elem(), v.encoded, v.decoded, true}, path+"[]")
	case reflect.Array:
		c.check(visit{v.Elem(), v.encoded, v.decoded, v.addressable}, path+"[]")
	case reflect.Map:
		if !isKey(v.Key()) {
			c.refusef(path, "%v cannot be the key of an object", v.Key())
		}
		c.check(visit{v.Elem(), v.encoded, v.decoded, false}, path+"[]")
	case reflect.Struct:
		c.checkStruct(v, path)
	default:
	}
}

func (c *checker) checkStruct(v visit, path string) {
	if fields.HidesAll(v.Type, fields.JSONTag) && v.Type != reflect.TypeFor[url.Userinfo]() { // which is never to be sent
		c.refusef(path, "%v has no exported field, so nothing of it would arrive", v.Type)
		return
	}
	all := fields.Of(v.Type, fields.JSONTag)
	for _, f := range all.Doubtful {
		c.refusef(path+"."+f.Path, "another field has the name %q, so neither is sent", f.Name)
	}
	for _, f := range all.Embedded {
		t := f.Type
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
			if v.decoded && !fields.IsExported(t) {
				c.refusef(path+"."+f.Path, "decoding cannot set an embedded pointer to a type that is not exported")
			}
		}
		if encodesItself(t) && fields.HidesAll(t, fields.JSONTag) {
			c.refusef(path+"."+f.Path, "the methods of an embedded %v are not called; give the field a name", t)
		}
	}
	for _, f := range all.Fields {
		if v.encoded && v.decoded && isQuotedTwice(v.FieldByIndex(f.Index)) {
			c.refusef(path+"."+f.Path, "%v has methods of its own, which do not understand the option string of the tag", f.Type)
		}
		c.check(visit{f.Type, v.encoded, v.decoded, v.addressable || f.IsBehindPointer(v.Type)}, path+"."+f.Path)
	}
}

// isQuotedTwice reports whether a field is put in quotes for its tag, and has a type that is encoded or decoded by a method:
// encoding heeds the method alone, decoding wants both.
func isQuotedTwice(f reflect.StructField) bool {
	t, ok := fields.Quoted(f)
	return ok && (encodingForm(t) != byKind || decodingForm(t) != byKind)
}

// isKey reports whether a type can be the key of an object in both directions.
func isKey(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return true
	default:
		return t.Implements(textMarshaler) && reflect.PointerTo(t).Implements(textUnmarshaler)
	}
}
