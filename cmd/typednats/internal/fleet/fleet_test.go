package fleet_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/cmd/typednats/internal/fleet"
)

// info is what an instance says: endpoints as name, subject, digest and what is accepted, with spaces in between.
func info(service, version, id string, endpoints ...string) micro.Info {
	i := micro.Info{ServiceIdentity: micro.ServiceIdentity{Name: service, Version: version, ID: id}}
	for _, e := range endpoints {
		parts := append(strings.Split(e, " "), "", "", "")
		i.Endpoints = append(i.Endpoints, micro.EndpointInfo{Name: parts[0], Subject: parts[1], QueueGroup: "q", Metadata: map[string]string{
			"typednats.contract": parts[2], "typednats.accepts": parts[3], "own": id,
		}})
	}
	return i
}

func shop() fleet.Fleet {
	return fleet.New([]micro.Info{
		info("shop", "1.1.0", "c", "buy shop.buy new application/msgpack", "look shop.*.look"),
		info("shop", "1.0.0", "b", "buy shop.buy old", "look shop.*.look"),
		info("shop", "1.0.0", "a", "buy shop.buy old"),
		info("post", "1.0.0", "d", "send post.send", "look post.look", "all post.>"),
		info("copy", "1.0.0", "e", "send post.send"),
		info("buy", "1.0.0", "f", "buy2 buy"),
	})
}

func TestNew(t *testing.T) {
	t.Parallel()
	buy := shop().Of("shop")[1]
	want := fleet.Endpoint{Service: "shop", Name: "buy", Subject: "shop.buy", Offers: []fleet.Offer{
		{
			Digest: "old", Accepts: []string{"application/json"}, QueueGroup: "q", Versions: []string{"1.0.0"}, Instances: []string{"a", "b"},
			Metadata: map[string]string{"own": "b"},
		},
		{
			Digest: "new", Accepts: []string{"application/msgpack"}, QueueGroup: "q", Versions: []string{"1.1.0"}, Instances: []string{"c"},
			Metadata: map[string]string{"own": "c"},
		},
	}}
	if diff := cmp.Diff(want, buy); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if buy.Instances() != 3 {
		t.Errorf("%d instances", buy.Instances())
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	for ref, want := range map[string]string{
		"shop.buy":      "shop.buy at shop.buy",
		"buy":           "buy.buy2 at buy", // a subject counts before a name
		"buy2":          "buy.buy2 at buy",
		"shop.look":     "shop.look at shop.*.look", // a name does before wildcards
		"shop.x.look":   "shop.look at shop.x.look",
		"post.send":     "copy.send at post.send, too: post.send",
		"send":          "copy.send at post.send, too: post.send",
		"post.anything": "post.all at post.anything",
		"post.look":     "post.look at post.look",
		"look":          `error: "look" may be any of these; give the subject: | post.look (post.look) | shop.*.look (shop.look)`,
		"shop.by":       `error: nobody serves "shop.by"; did you mean shop.buy?`,
		"north.buy2":    `error: nobody serves "north.buy2"; did you mean buy?`,
		"nothing":       `error: nobody serves "nothing"`,
		"":              `error: nobody serves ""`,
		"a b":           `error: nobody serves "a b"`,
		"shop.*.look":   "shop.look at shop.*.look",
	} {
		target, err := shop().Find(ref)
		parts := []string{target.FullName() + " at " + target.Subject}
		for _, other := range target.Others {
			parts = append(parts, other.FullName())
		}
		got := strings.Join(parts, ", too: ")
		if err != nil {
			got = "error: " + strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\n", " | ")), " ")
		}
		if got != want {
			t.Errorf("%q: %s, want %s", ref, got, want)
		}
		_, isUnknown := errors.AsType[*fleet.UnknownError](err)
		_, isAmbiguous := errors.AsType[*fleet.AmbiguousError](err)
		if err != nil && !isUnknown && !isAmbiguous {
			t.Errorf("%q: %T", ref, err)
		}
	}
}
