package codectest

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"reflect"
	"strings"
	"sync"
)

func (s suite) checkContentType() []error {
	got := s.codec.ContentType()
	media, params, err := mime.ParseMediaType(got)
	switch {
	case err != nil:
		return []error{fmt.Errorf("ContentType() is %q: %w", got, err)}
	case !strings.Contains(media, "/"):
		return []error{fmt.Errorf("ContentType() is %q, want a type and a subtype", got)}
	case len(params) > 0:
		return []error{fmt.Errorf("ContentType() is %q, want no parameters", got)}
	case got != media:
		return []error{fmt.Errorf("ContentType() is %q, want %q", got, media)}
	}
	if again := s.codec.ContentType(); again != got {
		return []error{fmt.Errorf("ContentType() is %q after %q, want a constant", again, got)}
	}
	return nil
}

func (s suite) checkValues() []error {
	for i, v := range s.values {
		if v == nil {
			return []error{fmt.Errorf("value %d is nil: there is no type to decode it into", i)}
		}
	}
	return nil
}

func (s suite) checkRoundTrip() []error {
	var problems []error
	for _, v := range s.values {
		if err := s.roundTrip(v); err != nil {
			problems = append(problems, err)
			continue
		}
		if err := s.roundTrip(v); err != nil {
			problems = append(problems, fmt.Errorf("the second time: %w", err))
		}
	}
	return problems
}

func (s suite) roundTrip(v any) error {
	data, err := s.marshal(v)
	if err != nil {
		return fmt.Errorf("Marshal(%T): %w", v, err)
	}
	return s.expect(data, v)
}

// expect returns an error if data does not decode to a value like want.
func (s suite) expect(data []byte, want any) error {
	got := reflect.New(reflect.TypeOf(want))
	if err := s.unmarshal(data, got.Interface()); err != nil {
		return fmt.Errorf("Unmarshal of an encoded %T: %w", want, err)
	}
	return s.same(want, got.Elem().Interface())
}

// same returns where two values differ.
func (s suite) same(want, got any) error {
	t := reflect.TypeOf(want)
	d := comparer{s.marshal}.compare(t.String(), reflect.ValueOf(want), reflect.ValueOf(got))
	if d == nil {
		return nil
	}
	return errors.New(d.String())
}

// brief keeps reports readable when the value is large.
func brief(v any) string {
	const limit = 400
	text := fmt.Sprintf("%+v", v)
	if len(text) > limit {
		return text[:limit] + "…"
	}
	return text
}

func briefValue(v reflect.Value) string {
	if !v.IsValid() {
		return "nothing"
	}
	if v.CanInterface() {
		return brief(v.Interface())
	}
	return brief(v)
}

func (s suite) checkMarshalOwnership() []error {
	var problems []error
	for i, v := range s.values {
		if err := s.ownsEncoded(v, s.values[(i+1)%len(s.values)]); err != nil {
			problems = append(problems, fmt.Errorf("Marshal(%T): %w", v, err))
		}
	}
	return problems
}

// ownsEncoded returns an error if the encoding of v shares memory with a later one. That of the same value shares it
// too when Marshal returns a part of v, or something that it keeps.
func (s suite) ownsEncoded(v, other any) error {
	data, err := s.marshal(v)
	if err != nil {
		return nil //nolint:nilerr // for another part to report
	}
	kept := bytes.Clone(data)
	for _, next := range []any{other, v} {
		later, _ := s.marshal(next)
		changed := !bytes.Equal(kept, data)
		fill(later)
		shared := !bytes.Equal(kept, data)
		fill(later)
		if changed || shared {
			return errors.New("a later Marshal shares the bytes that it returned")
		}
	}
	return nil
}

func (s suite) checkUnmarshalOwnership() []error {
	var problems []error
	for _, v := range s.values {
		data, err := s.marshal(v)
		if err != nil {
			continue
		}
		// With spare capacity, in which an append to data would show.
		whole := append(bytes.Clone(data), "spare"...)
		given, kept := whole[:len(data)], bytes.Clone(whole)
		got := reflect.New(reflect.TypeOf(v))
		if err := s.unmarshal(given, got.Interface()); err != nil {
			continue
		}
		if !bytes.Equal(kept, whole) {
			problems = append(problems, fmt.Errorf("Unmarshal into %T changed the data", got.Interface()))
		}
		fill(whole)
		if err := s.same(v, got.Elem().Interface()); err != nil {
			problems = append(problems, fmt.Errorf("Unmarshal into %T kept the data: after writing to it: %w", got.Interface(), err))
		}
	}
	return problems
}

// fill overwrites b with bytes that differ from what is there. Doing it twice restores them.
func fill(b []byte) {
	for i := range b {
		b[i] ^= 0xa5
	}
}

func (s suite) checkAppend() []error {
	c, ok := s.codec.(appender)
	if !ok {
		return nil
	}
	var problems []error
	for i, v := range s.values {
		if err := s.appends(c, v, s.values[(i+1)%len(s.values)]); err != nil {
			problems = append(problems, fmt.Errorf("AppendMarshal(%T): %w", v, err))
		}
	}
	for _, v := range []any{make(chan int), func() {}} {
		data, err := appendMarshal(c, nil, v)
		switch {
		case err == nil:
			problems = append(problems, fmt.Errorf("AppendMarshal(%T) returned %q, want an error", v, data))
		case isPanic(err):
			problems = append(problems, err)
		}
	}
	return problems
}

// appends checks the encoding of v in slices with and without room for it, and that of another value elsewhere.
func (s suite) appends(c appender, v, other any) error {
	const before = "what was there"
	for _, room := range []int{0, 1 << 10} {
		dst := append(make([]byte, 0, len(before)+room), before...)
		data, err := appendMarshal(c, dst, v)
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(data, []byte(before)) {
			return fmt.Errorf("%q does not begin with what it was given", data)
		}
		kept := bytes.Clone(data)
		if _, err := appendMarshal(c, nil, other); err != nil {
			return err
		}
		if !bytes.Equal(kept, data) {
			return errors.New("a later one writes to the slice that it was given")
		}
		if err := s.expect(data[len(before):], v); err != nil {
			return err
		}
	}
	return nil
}

func (s suite) checkUnencodable() []error {
	var problems []error
	for _, v := range []any{make(chan int), func() {}} {
		data, err := s.marshal(v)
		switch {
		case err == nil:
			problems = append(problems, fmt.Errorf("Marshal(%T) returned %q, want an error", v, data))
		case isPanic(err):
			problems = append(problems, err)
		}
	}
	return problems
}

func (s suite) checkBadTargets() []error {
	var problems []error
	for _, v := range s.values {
		data, err := s.marshal(v)
		if err != nil {
			continue
		}
		targets := []any{nil, reflect.Zero(reflect.PointerTo(reflect.TypeOf(v))).Interface()}
		if reflect.TypeOf(v).Kind() != reflect.Pointer {
			targets = append(targets, v)
		}
		for _, target := range targets {
			switch err := s.unmarshalAs(data, target); {
			case err == nil:
				problems = append(problems, fmt.Errorf("Unmarshal into the target %T(%s) succeeded, want an error", target, brief(target)))
			case isPanic(err):
				problems = append(problems, err)
			}
		}
	}
	return problems
}

func (s suite) checkConcurrent() []error {
	const workers, rounds = 8, 10
	problems := make([]error, workers)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			<-start
			for range rounds {
				if errs := s.checkRoundTrip(); len(errs) > 0 {
					problems[i] = errors.Join(errs...)
					return
				}
			}
		})
	}
	close(start)
	wg.Wait()
	for _, err := range problems {
		if err != nil {
			return []error{err}
		}
	}
	return nil
}
