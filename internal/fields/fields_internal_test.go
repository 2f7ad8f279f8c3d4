package fields

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type Plain struct {
	A int
	b int //nolint:unused // not sent
	C int `json:"c"`
	D int `json:"-"`
	E int `json:"-,"`        //nolint:staticcheck // what becomes of it is tested
	F int `json:"bad\"name"` //nolint:staticcheck // as above
	G int `json:",omitzero"`
	H int `json:"h h,omitzero"`
}

type hidden struct{ Shown int }

type Base struct{ ID, Only int }

type Other struct{ ID int }

type Tagged struct {
	X int `json:"ID"`
}

type Deep struct{ Base }

type (
	Shadowing struct {
		Base
		ID int
	}
	Rivals struct {
		Base
		Other
	}
	RivalWithTag struct {
		Base
		Tagged
	}
	Twice struct {
		Deep
		Base
	}
	Diamond struct {
		Left
		Right
	}
	Left          struct{ Base }
	Right         struct{ Base }
	OfHidden      struct{ hidden }
	OfHiddenNamed struct {
		hidden `json:"name"`
	}
	OfNumber struct{ Number }
	Number   int
	Self     struct {
		*Self
		Name string
	}
	Pointers struct {
		*Base
		*Other `json:"other"`
	}
	Ping struct {
		*Pong
		A int
	}
	Pong struct {
		*Ping
		B int
	}
	Interfaces struct {
		error
		Any
	}
	Any any
)

// TestFieldsAreThoseOfJSON compares the names with what encoding/json sends.
func TestFieldsAreThoseOfJSON(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		Plain{G: 1, H: 1}, Shadowing{}, Rivals{}, RivalWithTag{}, Twice{}, Diamond{}, OfHidden{}, OfHiddenNamed{}, OfNumber{}, Self{},
		Pointers{&Base{}, &Other{}}, Ping{Pong: &Pong{}}, Interfaces{}, struct{}{},
	} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var sent map[string]any
		if err := json.Unmarshal(data, &sent); err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, f := range Of(reflect.TypeOf(v), JSONTag).Fields {
			got = append(got, f.Name)
		}
		want := slices.AppendSeq([]string{}, maps.Keys(sent))
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%T (-json +fields):\n%s", v, diff)
		}
	}
}

func TestLostFields(t *testing.T) {
	t.Parallel()
	type paths struct{ Shadowed, Doubtful []string }
	for _, tt := range []struct {
		value any
		want  paths
	}{
		{Plain{}, paths{}},
		{Shadowing{}, paths{Shadowed: []string{"Base.ID"}}},
		{Rivals{}, paths{Doubtful: []string{"Base.ID", "Other.ID"}}},
		{RivalWithTag{}, paths{Shadowed: []string{"Base.ID"}}},
		{Twice{}, paths{Shadowed: []string{"Deep.Base.ID", "Deep.Base.Only"}}},
		{Diamond{}, paths{Doubtful: []string{"Left.Base.ID", "Left.Base.Only", "Right.Base.ID", "Right.Base.Only"}}},
		{Self{}, paths{Shadowed: []string{"Self.Name", "Self.Self"}}},
		{Ping{}, paths{Shadowed: []string{"Pong.Ping.A", "Pong.Ping.Pong"}}},
	} {
		s := Of(reflect.TypeOf(tt.value), JSONTag)
		var got paths
		for _, f := range s.Shadowed {
			got.Shadowed = append(got.Shadowed, f.Path)
		}
		for _, f := range s.Doubtful {
			got.Doubtful = append(got.Doubtful, f.Path)
		}
		slices.Sort(got.Shadowed)
		slices.Sort(got.Doubtful)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%T (-want +got):\n%s", tt.value, diff)
		}
	}
}

type inherits struct {
	time.Time
	Guest string
}

type inheritsPointer struct {
	*time.Time
	Guest string
}

type inheritsDeep struct {
	inherits
	More string
}

type owns struct {
	time.Time
	Guest string
}

func (owns) MarshalJSON() ([]byte, error) { return nil, nil }

type generic[T any] struct {
	time.Time
	Guest T
}

func (*generic[T]) MarshalJSON() ([]byte, error) { return nil, nil }

type inheritsGeneric struct {
	generic[int]
	More string
}

// TestSwallows depends on what the compiler says of methods that it writes itself.
func TestSwallows(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value any
		want  string // the field that is lost
	}{
		{inherits{}, "Guest"}, {inheritsPointer{}, "Guest"}, {inheritsDeep{}, "More"}, {owns{}, ""}, {generic[string]{}, ""},
		{inheritsGeneric{}, "More"}, {struct{ time.Time }{}, ""}, {time.Time{}, ""}, {Plain{}, ""}, {1, ""},
		{struct {
			time.Time
			Hidden int `json:"-"`
		}{}, ""},
	} {
		lost, _, _, _ := Swallows(reflect.TypeOf(tt.value), JSONTag, "MarshalJSON")
		if lost.Path != tt.want {
			t.Errorf("%T: %q is lost, want %q", tt.value, lost.Path, tt.want)
		}
	}
}
