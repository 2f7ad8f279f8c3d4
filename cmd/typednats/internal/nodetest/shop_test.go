package nodetest_test

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/msgpack"
	"github.com/typednats/typednats/codec/raw"
)

// The shop has one of each thing that a contract can have.

// ShopError is what its endpoints declare.
type ShopError interface {
	error
	shopError()
}

type noItem struct {
	Item string `json:"item"`
}

func (e noItem) Error() string { return "there is no " + e.Item }
func (noItem) ErrorCode() int  { return 404 }
func (noItem) shopError()      {}

type soldOut struct {
	Left  int64      `json:"left"`
	Until *time.Time `json:"until"`
}

func (soldOut) Error() string  { return "ausverkauft, für heute" }
func (soldOut) ErrorCode() int { return 409 }
func (soldOut) shopError()     {}

type closed struct{}

func (closed) Error() string  { return "closed" }
func (closed) ErrorCode() int { return 423 }
func (closed) shopError()     {}

// OrderSize is a size.
type size string

type line struct {
	Item  string `json:"item" doc:"what is ordered */ alert(1) /* @ts-ignore" example:"nut"`
	Count int    `json:"count"`
	Small int8   `json:"small,omitempty"`
}

type order struct {
	Customer  string            `json:"customer"`
	Lines     []line            `json:"lines"`
	Size      size              `json:"size" enum:"small,large"`
	Note      *string           `json:"note,omitempty" deprecated:"nobody reads it"`
	When      time.Time         `json:"when,omitzero"`
	Seal      []byte            `json:"seal,omitempty"`
	Pair      [2]float64        `json:"pair"`
	Labels    map[string]string `json:"labels,omitempty"`
	More      any               `json:"more,omitempty"`
	NoName    bool              `json:"no-name,omitempty"`
	Tree      *tree             `json:"tree,omitempty"`
	Constants []int             `json:"constants,omitempty" enum:"1,2,3"`
}

type tree struct {
	Name     string          `json:"name"`
	Children []tree          `json:"children"`
	ByName   map[string]tree `json:"byName,omitempty"`
}

type receipt struct {
	ID    string            `json:"id"`
	Lines map[string]int    `json:"lines"`
	Order order             `json:"order"`
	Sum   float64           `json:"sum"`
	Seal  []byte            `json:"seal"`
	Back  map[string]*order `json:"back,omitempty"`
}

type numbers struct {
	ID     int64             `json:"id"`
	Text   string            `json:"text"`
	List   []uint64          `json:"list"`
	ByName map[string]*int64 `json:"byName"`
	Deep   [][]*numbers      `json:"deep,omitempty"`
	Small  int32             `json:"small"`
	Free   any               `json:"free"`
	Hash   string            `json:"#5"`
}

type entry struct {
	Stream string `json:"stream"`
	Seq    int64  `json:"seq"`
}

type never = typednats.Never

var (
	shopGroup = typednats.NewGroup("shop")

	place = typednats.NewEndpoint[order, receipt, ShopError]("place").
		InGroup(shopGroup).
		WithDescription("Places an order. */ eval(\"1\") // @ts-nocheck\n@deprecated it is not").
		WithCodec(json.Codec, msgpack.Codec).
		WithExample(order{Customer: "ann", Size: "small"}, receipt{ID: "r-1"}).
		FailsWith(noItem{}, closed{}).
		FailsWithTag("SoldOut", soldOut{}).
		FailsWithTag("soldOut", soldOut{})
	placeOld = place.InGroup(shopGroup.Group("old")).Deprecated("use shop.place */")
	find     = typednats.NewEndpoint[string, *tree, never]("find").InGroup(shopGroup).Idempotent()
	ping     = typednats.NewEndpoint[struct{}, struct{}, never]("ping").InGroup(shopGroup)
	shelf    = typednats.NewEndpoint[struct{}, []string, ShopError]("shelf").
			InGroup(shopGroup).InSubject("shelf.*.of.>").FailsWith(noItem{})
	slow  = typednats.NewEndpoint[struct{}, struct{}, never]("slow-one").InGroup(shopGroup).WithTimeout(200 * time.Millisecond)
	fails = typednats.NewEndpoint[string, string, ShopError]("fails").InGroup(shopGroup).FailsWith(noItem{})
	count = typednats.NewEndpoint[numbers, numbers, ShopError]("count").InGroup(shopGroup).FailsWithTag("SoldOut", soldOut{})
	blob  = typednats.NewEndpoint[[]byte, []byte, never]("blob").InGroup(shopGroup).WithCodec(raw.Codec)
	pack  = typednats.NewEndpoint[order, receipt, never]("pack").InGroup(shopGroup).WithCodec(msgpack.Codec)
	all   = typednats.NewEndpoint[any, any, never]("constructor").InGroup(shopGroup).WithoutQueueGroup()
	audit = typednats.NewEndpoint[struct{}, *entry, never]("audit").InGroup(shopGroup)
	gone  = typednats.NewEndpoint[struct{}, struct{}, never]("gone").InGroup(shopGroup)

	// shop is served, but for what is gone.
	shop = typednats.NewServiceContract("shop", place, placeOld, find, ping, shelf, slow, fails, count, blob, pack, all, audit, gone)
)

func takeOrder(_ context.Context, o order) (receipt, error) {
	switch o.Customer {
	case "nobody":
		return receipt{}, noItem{Item: o.Lines[0].Item}
	case "late":
		until := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		return receipt{}, soldOut{Left: 3, Until: &until}
	case "night":
		return receipt{}, closed{}
	}
	r := receipt{ID: "r-1", Lines: map[string]int{}, Order: o, Sum: 1.5, Seal: o.Seal}
	for _, l := range o.Lines {
		r.Lines[l.Item] = l.Count
	}
	return r, nil
}

func findTree(_ context.Context, name string) (*tree, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // it is what the test is about
	}
	return &tree{Name: name, Children: []tree{{Name: "child"}}}, nil
}

func failAll(_ context.Context, how string) (string, error) {
	switch how {
	case "forbidden":
		return "", typednats.Errorf(403, "verboten für %s", "dich")
	case "secret":
		return "", errors.New("secret")
	default:
		return how, nil
	}
}

func bindShop() []typednats.BoundEndpoint {
	nothing := func(context.Context, struct{}) (v struct{}, err error) { return v, nil }
	return []typednats.BoundEndpoint{
		place.Handle(takeOrder),
		placeOld.Handle(takeOrder),
		find.Handle(findTree),
		ping.Handle(nothing),
		shelf.HandleWith(func(_ context.Context, r *typednats.ServiceRequest[struct{}]) ([]string, error) {
			parts := strings.Split(r.Subject, ".")
			if parts[2] == "empty" {
				return nil, noItem{Item: r.Header.Get("Asked-By")}
			}
			r.ReplyHeader().Set("Shelf", parts[2])
			return parts[4:], nil
		}),
		slow.Handle(func(ctx context.Context, _ struct{}) (v struct{}, err error) {
			<-ctx.Done()
			return v, ctx.Err()
		}),
		fails.Handle(failAll),
		count.Handle(func(_ context.Context, n numbers) (numbers, error) {
			if n.ID == 0 {
				return numbers{}, soldOut{Left: 1<<63 - 1}
			}
			return n, nil
		}),
		blob.Handle(func(_ context.Context, b []byte) ([]byte, error) { return b, nil }),
		pack.Handle(takeOrder),
		audit.Handle(func(context.Context, struct{}) (*entry, error) { return &entry{Stream: "AUDIT", Seq: 7}, nil }),
		all.Handle(func(_ context.Context, v any) (any, error) { return v, nil }),
	}
}
