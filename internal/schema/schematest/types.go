package schematest

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"time"
)

// The types below are all the kinds that a payload can have.

type (
	// Plain has scalars of all kinds.
	Plain struct {
		Bool bool    `json:"bool"`
		I    int     `json:"i"`
		I8   int8    `json:"i8"`
		I16  int16   `json:"i16"`
		I32  int32   `json:"i32"`
		I64  int64   `json:"i64"`
		U    uint    `json:"u"`
		U8   uint8   `json:"u8"`
		U16  uint16  `json:"u16"`
		U32  uint32  `json:"u32"`
		U64  uint64  `json:"u64"`
		Ptr  uintptr `json:"ptr"`
		F32  float32 `json:"f32"`
		F64  float64 `json:"f64"`
		S    string  `json:"s"`
	}
	// Untagged has the names of Go.
	Untagged struct {
		Name string
		Tags []string
		less string //nolint:unused // not sent
	}
	// Optional can leave fields out.
	Optional struct {
		S    string         `json:"s,omitempty"`
		N    int            `json:"n,omitzero"`
		P    *int           `json:"p,omitempty"`
		L    []string       `json:"l,omitempty"`
		LL   [][]string     `json:"ll,omitempty"`
		M    map[string]int `json:"m,omitempty"`
		PL   *[]string      `json:"pl,omitempty"`
		PP   **int          `json:"pp,omitempty"`
		Z    []string       `json:"z,omitzero"`
		T    time.Time      `json:"t,omitzero"`
		E    time.Time      `json:"e,omitempty"` //nolint:modernize // it has no effect, which is tested
		A    [2]int         `json:"a,omitempty"`
		A0   [0]int         `json:"a0,omitempty"`
		Any  any            `json:"any,omitempty"`
		Sub  Plain          `json:"sub,omitempty"` //nolint:modernize // as above
		SubP *Plain         `json:"sub_p,omitempty"`
		Odd  Never          `json:"odd,omitzero"`
	}
	// Never is never zero, whatever is in it.
	Never []string
	// Nullable can be null.
	Nullable struct {
		P  *string            `json:"p"`
		L  []int              `json:"l"`
		M  map[string]*Plain  `json:"m"`
		B  []byte             `json:"b"`
		S  *Plain             `json:"s"`
		PP **int              `json:"pp"`
		A  any                `json:"a"`
		LP []*Plain           `json:"lp"`
		MM map[string][]int   `json:"mm"`
		LM []map[string]Plain `json:"lm"`
	}
	// Bytes has bytes in all forms.
	Bytes struct {
		Slice  []byte   `json:"slice"`
		Named  Blob     `json:"named"`
		Array  [4]byte  `json:"array"`
		Lists  [][]byte `json:"lists"`
		Digits []Digit  `json:"digits"`
		Words  []Word8  `json:"words"`
		Ptr    *[]byte  `json:"ptr"`
	}
	// Blob is bytes.
	Blob []byte
	// Digit is a byte without methods.
	Digit uint8
	// Word8 is a byte that is written as text.
	Word8 uint8
	// Quoted has numbers as text.
	Quoted struct {
		I int         `json:"i,string"`
		U *uint64     `json:"u,string"`
		B bool        `json:"b,string"`
		F float64     `json:"f,string"`
		S string      `json:"s,string"`
		O *int        `json:"o,string,omitempty"`
		L []int       `json:"l,string"` //nolint:staticcheck // it has no effect, which is tested
		N json.Number `json:"n,string"`
	}
	// Maps has keys of all kinds.
	Maps struct {
		S map[string]int         `json:"s"`
		I map[int]string         `json:"i"`
		U map[uint8]Plain        `json:"u"`
		T map[netip.Addr]int     `json:"t"`
		W map[Word8]string       `json:"w"`
		N map[Name]bool          `json:"n"`
		D map[string]Deep        `json:"d"`
		M map[string]map[int]any `json:"m"`
	}
	// Name is text.
	Name string
	// Deep is a map of itself.
	Deep map[string]Deep
	// List is a list of itself.
	List []List
	// Tree contains itself in many ways.
	Tree struct {
		Value    string          `json:"value"`
		Children []*Tree         `json:"children"`
		ByName   map[string]Tree `json:"by_name"`
		Parent   *Tree           `json:"parent"`
	}
	// Chicken and Egg contain each other.
	Chicken struct {
		Egg *Egg `json:"egg"`
	}
	// Egg is the other one.
	Egg struct {
		Chickens []Chicken `json:"chickens"`
	}
	// Page is generic.
	Page[T any] struct {
		Items []T `json:"items"`
		Next  *T  `json:"next"`
	}
	// Pair is generic in two types.
	Pair[K comparable, V any] struct {
		Key   K `json:"key"`
		Value V `json:"value"`
	}
	// Linked is generic, and contains itself.
	Linked[T any] struct {
		Value T          `json:"value"`
		Next  *Linked[T] `json:"next"`
	}
	// Base is embedded.
	Base struct {
		ID   string `json:"id"`
		Note string `json:"note,omitempty"`
	}
	// Embedding has the fields of Base.
	Embedding struct {
		Base
		More int `json:"more"`
	}
	// EmbeddingPointer may have the fields of Base.
	EmbeddingPointer struct {
		*Base
		More int `json:"more"`
	}
	// EmbeddingDeep has those of both.
	EmbeddingDeep struct {
		Embedding
		Last string `json:"last"`
	}
	// EmbeddingNamed has Base as a field.
	EmbeddingNamed struct {
		Base `json:"base"`
		More int `json:"more"`
	}
	// EmbeddingHidden embeds what is not exported.
	EmbeddingHidden struct {
		hidden
		More int `json:"more"`
	}
	hidden struct {
		Shown string `json:"shown"`
	}
	// Shadowing has a field of the name of one of Base.
	Shadowing struct {
		Base
		ID int `json:"id"`
	}
	// Ambiguous has two fields of one name, of which neither is sent.
	Ambiguous struct {
		Left
		Right
		Kept int `json:"kept"`
	}
	// Left has a field of the name of one of Right.
	Left struct{ Same bool }
	// Right has a field of the name of one of Left.
	Right struct{ Same string }
	// EmbeddingText embeds what is no struct.
	EmbeddingText struct {
		Name
		More int `json:"more"`
	}
	// SelfEmbedding embeds a pointer to itself.
	SelfEmbedding struct {
		*SelfEmbedding
		Name string `json:"name"`
	}
	// Stamp is a time by what it embeds.
	Stamp struct{ time.Time }
	// Dashes has odd names.
	Dashes struct {
		Dash  int `json:"-,"` //nolint:staticcheck // what becomes of it is tested
		Gone  int `json:"-"`
		Space int `json:"a b"`
		Dots  int `json:"a.b/c~d"`
		Bad   int `json:"bad\"name"` //nolint:staticcheck // as above
		HTML  int `json:"<b>&"`
		Text  int `json:"größe"`
		Ref   int `json:"$ref"`
		Defs  int `json:"$defs"`
	}
	// Times has times.
	Times struct {
		T time.Time       `json:"t"`
		P *time.Time      `json:"p"`
		D time.Duration   `json:"d"`
		L []time.Time     `json:"l"`
		S Stamp           `json:"s"`
		E []time.Duration `json:"e"`
	}
	// Library has types of the standard library.
	Library struct {
		Raw    json.RawMessage  `json:"raw"`
		RawP   *json.RawMessage `json:"raw_p"`
		Number json.Number      `json:"number"`
		Int    big.Int          `json:"int"`
		IntP   *big.Int         `json:"int_p"`
		Float  *big.Float       `json:"float"`
		Rat    *big.Rat         `json:"rat"`
		Addr   netip.Addr       `json:"addr"`
		Prefix netip.Prefix     `json:"prefix"`
		IP     net.IP           `json:"ip"`
		URL    url.URL          `json:"url"`
		Level  slog.Level       `json:"level"`
	}
	// Money writes itself.
	Money struct{ cents int }
	// Price writes itself, and says how.
	Price struct{ cents int }
	// Label is text by methods of its pointer.
	Label struct{ text string }
	// Holder holds what writes itself.
	Holder struct {
		Money Money             `json:"money"`
		Price Price             `json:"price"`
		Maybe *Price            `json:"maybe"`
		Label Label             `json:"label"`
		PLbl  *Label            `json:"plbl"`
		Many  map[string]*Label `json:"many"`
		Set   []Price           `json:"set"`
		Color Color             `json:"color"`
		PC    *Color            `json:"pc"`
	}
	// Color says which values it has.
	Color string
	// Tagged has words.
	Tagged struct {
		Kind   string    `json:"kind" enum:"small, large,<b>" doc:"how large it is" example:"small"`
		N      int       `json:"n" enum:"1,2,3" example:"2" deprecated:"use kind"`
		F      float64   `json:"f" enum:"0.5,1"`
		P      *string   `json:"p" enum:"a,b"`
		L      []string  `json:"l" enum:"x,y" example:"[\"x\"]"`
		S      Base      `json:"s" doc:"the base" deprecated:"true"`
		SP     *Base     `json:"sp" doc:"the base, if there is one" example:"{\"id\":\"1\"}"`
		T      time.Time `json:"t" example:"2026-11-27T00:00:00Z"`
		Any    any       `json:"any" example:"[1,2]"`
		Quoted int       `json:"quoted,string" enum:"1,2"`
	}
	// Anonymous has a struct without a name.
	Anonymous struct {
		In struct {
			X int `json:"x"`
			Y []struct {
				Z *Plain `json:"z"`
			} `json:"y"`
		} `json:"in"`
	}
	// Arrays has arrays.
	Arrays struct {
		A [3]int     `json:"a"`
		B [2][]int   `json:"b"`
		C [1]Plain   `json:"c"`
		D [2]*string `json:"d"`
	}
	// Interfaces has anything.
	Interfaces struct {
		A any            `json:"a"`
		L []any          `json:"l"`
		M map[string]any `json:"m"`
	}
	// Empty has no fields.
	Empty struct{}
	// Empties hold such.
	Empties struct {
		E Empty           `json:"e"`
		P *Empty          `json:"p"`
		M map[Name]Empty  `json:"m"`
		U struct{}        `json:"u"`
		S map[string]bool `json:"s"`
	}
	// Packed has tags for msgpack.
	Packed struct {
		A    int    `json:"a" msgpack:"alpha"`
		B    string `json:"b" msgpack:"b,omitempty"`
		C    int    `json:"-" msgpack:"c"`
		D    int    `json:"d" msgpack:"-"`
		Base `msgpack:"base,noinline"`
	}
	// Row is an array in msgpack.
	Row struct {
		_msgpack struct{} `msgpack:",as_array"` //nolint:unused // it is a tag
		A        int
		B        string
	}
)

// IsZero makes omitzero useless.
func (Never) IsZero() bool { return false }

// MarshalText writes a word.
func (w Word8) MarshalText() ([]byte, error) { return fmt.Append(nil, "word-", uint8(w)), nil }

// UnmarshalText is the way back.
func (w *Word8) UnmarshalText(b []byte) error {
	_, err := fmt.Sscanf(string(b), "word-%d", (*uint8)(w))
	return err
}

// MarshalJSON writes a number.
func (m Money) MarshalJSON() ([]byte, error) { return json.Marshal(m.cents) }

// UnmarshalJSON is the way back.
func (m *Money) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &m.cents) }

// MarshalJSON writes text.
func (p Price) MarshalJSON() ([]byte, error) { return json.Marshal(fmt.Sprint(p.cents)) }

// UnmarshalJSON does nothing.
func (*Price) UnmarshalJSON([]byte) error { return nil }

// JSONSchema says that it is text.
func (Price) JSONSchema() json.RawMessage { return json.RawMessage(`{"type":"string"}`) }

// MarshalText writes the text.
func (l *Label) MarshalText() ([]byte, error) { return []byte(l.text), nil }

// UnmarshalText is the way back.
func (l *Label) UnmarshalText(b []byte) error { l.text = string(b); return nil }

// JSONSchema lists the colors.
func (Color) JSONSchema() json.RawMessage {
	return json.RawMessage(`{"type":"string","enum":["","red"]}`)
}

// Values returns pointers to values of all kinds of types: zero values, and some that are filled.
func Values() []any {
	n, s, np := 7, "text", new(int)
	list, b := []string{"a"}, []byte("bytes")
	var nilList []string
	when := time.Date(2026, 11, 27, 1, 2, 3, 4, time.FixedZone("", 3600))
	num := json.RawMessage(`{"a":[1,null]}`)
	return []any{
		new(bool), new(int8), new(math.MinInt64), new(uint64(math.MaxUint64)), new(1.5), new("text"), new(any), new(any(1)),
		new([]byte), &b, new([3]byte), new([]int), &list, new(map[string]int), new(*int), &np, new(Name), new(Blob), new(Digit(9)),
		&Plain{}, &Plain{true, math.MaxInt, -128, -32768, math.MinInt32, math.MinInt64, math.MaxUint, 255, 65535, math.MaxUint32,
			math.MaxUint64, 1, math.MaxFloat32, math.SmallestNonzeroFloat64, "<é\u2028>"},
		&Untagged{}, &Untagged{Name: "a", Tags: list},
		&Optional{}, &Optional{
			"s", 1, &n, list, [][]string{nil, {}}, map[string]int{"a": 1}, &nilList, new((*int)(nil)), []string{}, when, when, [2]int{},
			[0]int{}, (*int)(nil), Plain{}, &Plain{}, nil,
		},
		&Nullable{}, &Nullable{
			&s, []int{1}, map[string]*Plain{"a": nil, "b": {}}, b, &Plain{}, new((*int)(nil)), list, []*Plain{nil, {}},
			map[string][]int{"a": nil, "b": {1}}, []map[string]Plain{nil, {"a": {}}},
		},
		&Bytes{}, &Bytes{b, Blob("x"), [4]byte{1, 255}, [][]byte{nil, b}, []Digit{1, 2}, []Word8{1, 2}, new([]byte(nil))},
		&Quoted{N: "1"}, &Quoted{I: -1, U: new(uint64(math.MaxUint64)), B: true, F: 1e300, S: `"`, O: &n, L: []int{1}, N: "2"},
		&Maps{}, &Maps{
			map[string]int{"a": 1}, map[int]string{-1: "a"}, map[uint8]Plain{1: {}}, map[netip.Addr]int{netip.MustParseAddr("::1"): 1},
			map[Word8]string{1: "a"}, map[Name]bool{"a": true}, map[string]Deep{"a": {"b": nil}}, map[string]map[int]any{"a": {1: nil}},
		},
		new(Deep), &Deep{"a": {"b": {}}}, new(List), &List{nil, {nil}},
		&Tree{}, &Tree{"a", []*Tree{nil, {Value: "b"}}, map[string]Tree{"c": {}}, &Tree{}},
		&Chicken{}, &Chicken{&Egg{[]Chicken{{}, {&Egg{}}}}}, &Egg{},
		&Page[Plain]{}, &Page[Plain]{[]Plain{{}}, &Plain{}}, &Page[string]{list, &s}, &Pair[string, Page[Base]]{},
		&Linked[int]{1, &Linked[int]{2, nil}}, &Linked[map[string]Base]{},
		&Base{}, &Embedding{}, &Embedding{Base{"a", "b"}, 1}, &EmbeddingPointer{}, &EmbeddingPointer{&Base{}, 1},
		&EmbeddingDeep{}, &EmbeddingNamed{}, &EmbeddingHidden{}, &Shadowing{}, &Ambiguous{}, &EmbeddingText{"a", 1},
		&SelfEmbedding{}, &SelfEmbedding{&SelfEmbedding{}, "a"}, &Stamp{}, &Stamp{when}, &Dashes{},
		&Times{}, &Times{when, &when, time.Hour, []time.Time{when}, Stamp{when}, []time.Duration{-1}},
		new(time.Time), new(time.Duration), new(json.RawMessage), new(json.Number("1.5")), new(big.Int), new(netip.Addr), new(url.URL),
		&Library{}, &Library{
			num, &num, "12", *big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), 100), big.NewFloat(1.5), big.NewRat(1, 3),
			netip.MustParseAddr("10.0.0.1"), netip.MustParsePrefix("10.0.0.0/8"), net.IPv4(1, 2, 3, 4),
			url.URL{Host: "a", User: url.User("b")}, slog.LevelWarn,
		},
		new(Money), new(Price), new(Label), new(Color), new(Word8),
		&Holder{}, &Holder{
			Money{1}, Price{2}, &Price{3}, Label{"a"}, &Label{"b"}, map[string]*Label{"a": nil, "b": {}}, []Price{{1}}, "red", new(Color("red")),
		},
		&Tagged{Kind: "small", N: 1, F: 0.5, Quoted: 1},
		&Tagged{Kind: "<b>", N: 3, F: 1, P: new("a"), L: list[:0], SP: &Base{}, Any: 1, Quoted: 2},
		&Tagged{Kind: "large", N: 3, F: 1, L: []string{"x", "y"}, Quoted: 2},
		&Anonymous{}, &struct{ A, B int }{}, &Arrays{}, &Arrays{B: [2][]int{{1}}, D: [2]*string{&s}},
		&Interfaces{}, &Interfaces{1, []any{nil, "a", 1.5, b}, map[string]any{"a": map[string]any{}}},
		&Empties{}, &Empties{Empty{}, &Empty{}, map[Name]Empty{"a": {}}, struct{}{}, nil}, &Packed{}, &Packed{1, "b", 2, 3, Base{}}, &Row{A: 1},
		new(&Plain{}), new(*Plain), new([]Base), &[]Base{{}}, new([2]bool), new(map[Name][]*Tree), &map[Name][]*Tree{"a": {nil, {}}},
	}
}
