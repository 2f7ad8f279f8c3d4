package msgpack

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/typednats/typednats/internal/fields"
)

// check returns why values of a type cannot make the trip, with the path to each Go field that is to blame, or nil.
func check(t reflect.Type) error {
	c := checker{seen: map[reflect.Type]bool{}}
	c.check(t, fields.TypeName(t))
	return errors.Join(c.problems...)
}

// checker walks over a type. It looks at each one in it once, so it ends for types that contain themselves.
type checker struct {
	seen     map[reflect.Type]bool
	problems []error
}

// refusef records what is wrong with the field at a path.
func (c *checker) refusef(path, format string, args ...any) {
	c.problems = append(c.problems, fmt.Errorf("%s: %w", path, fmt.Errorf(format, args...)))
}

func (c *checker) check(t reflect.Type, path string) {
	if c.seen[t] {
		return
	}
	c.seen[t] = true
	if t == reflect.TypeFor[time.Time]() || !c.checkMethods(t, path) {
		return
	}
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		c.refusef(path, "%v cannot be encoded", t)
	case reflect.Interface:
		if t.NumMethod() > 0 {
			c.refusef(path, "decoding cannot fill the interface %v; give it a concrete type", t)
		}
	case reflect.Pointer:
		if fields.IsEndless(t) {
			c.refusef(path, "%v is a pointer to itself", t)
			return
		}
		c.check(t.Elem(), path)
	case reflect.Slice, reflect.Array:
		c.check(t.Elem(), path+"[]")
	case reflect.Map:
		if t.Key().Kind() == reflect.Pointer {
			c.refusef(path, "a pointer as a key, %v, is another one after decoding", t.Key())
		}
		c.check(t.Key(), path+"[]")
		c.check(t.Elem(), path+"[]")
	case reflect.Struct:
		c.checkStruct(t, path)
	default:
	}
}

// checkMethods returns whether a type is encoded and decoded by its kind, and can be as far as its methods say.
func (c *checker) checkMethods(t reflect.Type, path string) bool {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return true
	}
	var names []string
	decodes := ""
	way := methodsOf(t)
	switch way {
	case byLibrary:
		names = []string{"EncodeMsgpack", "DecodeMsgpack", "MarshalMsgpack", "UnmarshalMsgpack"}
		if decodes = "UnmarshalMsgpack"; reflect.PointerTo(t).Implements(reflect.TypeFor[msgpack.CustomDecoder]()) {
			decodes = "DecodeMsgpack"
		}
	case byBinary:
		names, decodes = []string{"MarshalBinary", "UnmarshalBinary"}, "UnmarshalBinary"
	case byText:
		names, decodes = []string{"MarshalText", "UnmarshalText"}, "UnmarshalText"
	case byKind:
		return c.checkUnusedMethods(t, path)
	}
	if lost, method, from, ok := fields.Swallows(t, readTag, names...); ok {
		c.refusef(path+"."+lost.Path, "%s of the embedded %v stands for all of %v, so this field is lost", method, from, t)
	} else if from, ok := fields.Dangling(t, decodes); ok {
		c.refusef(path, "%s is that of the embedded %v, which is nil in a value that is decoded; give the field a name", decodes, from)
	}
	return false
}

// checkUnusedMethods refuses a type that says how it is to be encoded, if that cannot be done.
func (c *checker) checkUnusedMethods(t reflect.Type, path string) bool {
	p := reflect.PointerTo(t)
	switch {
	case encodesByLibrary(p) != decodesByLibrary(p):
		c.refusef(path, "%v has methods for msgpack in one direction alone", t)
	case encodesByJSON(t) && t != reflect.TypeFor[json.RawMessage]():
		c.refusef(path, "%v is encoded by MarshalJSON, which is for JSON alone; "+
			"add MarshalText and UnmarshalText, or MarshalMsgpack and UnmarshalMsgpack", t)
	default:
		return true
	}
	return false
}

func (c *checker) checkStruct(t reflect.Type, path string) {
	read := tagReader(t)
	if fields.HidesAll(t, read) && t != reflect.TypeFor[url.Userinfo]() { // which is never to be sent
		c.refusef(path, "%v has no exported field, so nothing of it would arrive", t)
		return
	}
	all := fields.Of(t, read)
	for _, f := range all.Doubtful {
		c.refusef(path+"."+f.Path, "another field has the name %q, so neither is sent", f.Name)
	}
	for _, f := range all.Shadowed {
		c.refusef(path+"."+f.Path, "it is shadowed by another field %q, so it is lost", f.Name)
	}
	for _, f := range all.Embedded {
		elem := f.Type
		if elem.Kind() == reflect.Pointer {
			if elem = elem.Elem(); !fields.IsExported(elem) {
				c.refusef(path+"."+f.Path, "decoding cannot set an embedded pointer to a type that is not exported")
			}
		}
		if (methodsOf(elem) != byKind || encodesByJSON(elem)) && fields.HidesAll(elem, read) {
			c.refusef(path+"."+f.Path, "the methods of an embedded %v are not called; give the field a name", elem)
		}
		c.checkFieldTag(t.FieldByIndex(f.Index), path+"."+f.Path)
	}
	for _, f := range all.Fields {
		c.checkFieldTag(t.FieldByIndex(f.Index), path+"."+f.Path)
		c.check(f.Type, path+"."+f.Path)
	}
}

func (c *checker) checkFieldTag(f reflect.StructField, path string) {
	if err := checkTag(f); err != nil {
		c.refusef(path, "%w", err)
	}
}
