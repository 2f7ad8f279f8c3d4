package codectest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime/metrics"
)

// maxAlloc is what Unmarshal may allocate for a body of a few bytes.
const maxAlloc = 8 << 20

// lies are bodies that promise more than they hold, in the binary formats that put lengths first. The lengths are
// large enough to show in the memory statistics, and small enough for a codec that believes them to survive.
func lies() [][]byte {
	const manyBytes, manyItems = 1 << 25, 1 << 21
	var bodies [][]byte
	claim := func(n uint32, codes ...byte) {
		for _, code := range codes {
			body := append(binary.BigEndian.AppendUint32([]byte{code}, n), 1)
			// As it is, inside a MessagePack array, and as the payload of a MessagePack extension.
			bodies = append(bodies, body, append([]byte{0x91}, body...), append([]byte{0xc7, byte(len(body)), 0}, body...))
		}
	}
	claim(manyBytes, 0xc6, 0xc9, 0xdb) // MessagePack: bytes, extension, string
	claim(manyItems, 0xdd, 0xdf)       // MessagePack: array, map
	claim(manyBytes, 0x5a, 0x7a)       // CBOR: bytes, string
	claim(manyItems, 0x9a, 0xba)       // CBOR: array, map
	return bodies
}

// checkAllocation returns the first problem only: each one costs memory.
func (s suite) checkAllocation() []error {
	for _, t := range s.targetTypes() {
		for _, body := range lies() {
			n, err := s.allocated(body, t)
			switch {
			case isPanic(err):
				return []error{fmt.Errorf("%w (data %x)", err, body)}
			case n > maxAlloc:
				return []error{fmt.Errorf("Unmarshal into *%v allocated %d MiB for the bytes %x", t, n>>20, body)}
			}
		}
	}
	return nil
}

// allocated returns how many bytes Unmarshal allocates. The runtime counts for the whole process, so what other tests
// allocate at the same time is ruled out by trying again.
func (s suite) allocated(body []byte, t reflect.Type) (uint64, error) {
	const attempts = 5
	var least uint64
	for i := range attempts {
		before := totalAlloc()
		err := s.unmarshal(body, reflect.New(t).Interface())
		n := totalAlloc() - before
		if i == 0 || n < least {
			least = n
		}
		if isPanic(err) || least <= maxAlloc {
			return least, err
		}
	}
	return least, nil
}

// totalAlloc is coarse for small objects, and does not stop the world as runtime.ReadMemStats does.
func totalAlloc() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// targetTypes are the types of the values, each once.
func (s suite) targetTypes() []reflect.Type {
	var types []reflect.Type
	seen := make(map[reflect.Type]bool)
	for _, v := range s.values {
		if t := reflect.TypeOf(v); !seen[t] {
			seen[t] = true
			types = append(types, t)
		}
	}
	return types
}

func (s suite) checkTruncated() []error {
	const most = 256 // prefixes of one body that are tried, spread evenly over a long one
	var problems []error
	for _, v := range s.values {
		data, err := s.marshal(v)
		if err != nil {
			continue
		}
		for n := 0; n < len(data); n += 1 + len(data)/most {
			if err := s.survives(data[:n], reflect.TypeOf(v)); err != nil {
				problems = append(problems, fmt.Errorf("the first %d bytes of an encoded %T: %w", n, v, err))
				break
			}
		}
	}
	return problems
}

// survives returns an error if Unmarshal panics or changes the data. Whether it accepts the data is its own affair.
func (s suite) survives(data []byte, t reflect.Type) error {
	given := bytes.Clone(data)
	if err := s.unmarshal(given, reflect.New(t).Interface()); isPanic(err) {
		return err
	}
	if !bytes.Equal(data, given) {
		return fmt.Errorf("Unmarshal into *%v changed the data", t)
	}
	return nil
}

func (s suite) checkGarbage() []error {
	var problems []error
	bodies := s.garbage()
	for _, t := range s.targetTypes() {
		for _, body := range bodies {
			if err := s.survives(body, t); err != nil {
				problems = append(problems, fmt.Errorf("%w (data %x)", err, body[:min(len(body), 64)]))
				break
			}
		}
	}
	return problems
}

// garbage returns the same bodies each time: edge cases, random bytes, and encoded values with a few bytes changed.
func (s suite) garbage() [][]byte {
	const random, mutants = 300, 10
	bodies := [][]byte{nil, {}, {0}, {0xc1}, {0xff}, []byte("null"), []byte("\xef\xbb\xbf{}"), []byte(`{"":`)}
	// Deep nesting, as JSON, MessagePack and XML have it.
	for _, level := range []string{"[", `{"a":`, "\x91", "\x81\xa0", "<a>"} {
		bodies = append(bodies, bytes.Repeat([]byte(level), 1<<16))
	}
	// A fixed seed, so that a failure comes again.
	rng := rand.New(rand.NewPCG(1, 2))
	for range random {
		bodies = append(bodies, randomBytes(rng, 1+rng.IntN(64)))
	}
	for _, v := range s.values {
		data, err := s.marshal(v)
		if err != nil || len(data) == 0 || len(data) > 1<<10 {
			continue
		}
		for range mutants {
			body := bytes.Clone(data)
			for range 1 + rng.IntN(3) {
				body[rng.IntN(len(body))] = byte(rng.Uint32())
			}
			bodies = append(bodies, body)
		}
	}
	return bodies
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}
