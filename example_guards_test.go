package typednats_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/typednats/typednats"
)

// Claims is what a token says of the caller.
type Claims struct {
	Tenant string `json:"tenant"`
	Admin  bool   `json:"admin"`
}

// signatureOf is the last part of a token: only who has the key can make it.
func signatureOf(key []byte, payload string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(payload))
	return mac.Sum(nil)
}

// tokenOf is the claims, and their signature. A real one would end some time as well: use a library for JWTs.
func tokenOf(key []byte, c Claims) string {
	data, _ := json.Marshal(c) //nolint:errchkjson // it can be encoded
	payload := base64.RawURLEncoding.EncodeToString(data)
	return payload + "." + base64.RawURLEncoding.EncodeToString(signatureOf(key, payload))
}

type claimsKey struct{}

// signed lets those pass who have a token, and puts what it says into the context.
func signed(key []byte) typednats.Guard {
	return func(ctx context.Context, inv *typednats.Invocation) (context.Context, error) {
		token := strings.TrimPrefix(typednats.HeaderValue(inv.Header, "Authorization"), "Bearer ")
		payload, signature, _ := strings.Cut(token, ".")
		mac, err := base64.RawURLEncoding.DecodeString(signature)
		if err != nil || !hmac.Equal(mac, signatureOf(key, payload)) {
			return nil, typednats.Errorf(401, "a signed token is needed")
		}
		data, err := base64.RawURLEncoding.DecodeString(payload)
		if err != nil {
			return nil, err
		}
		var c Claims
		if err := json.Unmarshal(data, &c); err != nil {
			return nil, err
		}
		return context.WithValue(ctx, claimsKey{}, c), nil
	}
}

// adminsOnly comes after signed.
func adminsOnly(ctx context.Context, inv *typednats.Invocation) (context.Context, error) {
	if c, _ := ctx.Value(claimsKey{}).(Claims); !c.Admin {
		return nil, typednats.Errorf(403, "%s is for administrators", inv.Endpoint)
	}
	return ctx, nil
}

func ExampleGuard() {
	nc, end := exampleConn()
	defer end()
	ctx, key := context.Background(), []byte("a secret of the services")
	opening := typednats.NewEndpoint[struct{}, struct{}, typednats.Never]("open").InGroup(Warehouse)
	closing := typednats.NewEndpoint[struct{}, struct{}, typednats.Never]("close").InGroup(Warehouse)
	nothing := func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }

	administration := typednats.ForAll([]typednats.BoundEndpoint{
		opening.Handle(nothing),
		closing.Handle(nothing),
	}, typednats.WithGuards(adminsOnly))
	reserve := Reserve.Handle(func(ctx context.Context, r ReserveRequest) (Reservation, error) {
		claims, _ := ctx.Value(claimsKey{}).(Claims)
		return Reservation{ID: claims.Tenant + "-1"}, nil
	})
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{
		Name: "warehouse", Version: "1.0.0",
		Guards: []typednats.Guard{signed(key)},
	}, append(administration, reserve)...)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()

	_, err = typednats.RequestService(ctx, nc, Reserve, ReserveRequest{Item: "nut"})
	fmt.Println(err)

	client := typednats.NewClient(nc,
		typednats.WithDefaultHeader("Authorization", "Bearer "+tokenOf(key, Claims{Tenant: "acme"})))
	defer func() { _ = client.Close() }()
	reply, err := typednats.RequestService(ctx, client, Reserve, ReserveRequest{Item: "nut"})
	fmt.Println(reply.ID, err)
	_, err = typednats.RequestService(ctx, client, closing, struct{}{})
	fmt.Println(err)
	// Output:
	// call "reserve" at "warehouse.reserve": service error 401: a signed token is needed
	// acme-1 <nil>
	// call "close" at "warehouse.close": service error 403: close is for administrators
}

// limited lets as many requests pass as the limiter allows, of all callers together.
func limited(l *rate.Limiter) typednats.Guard {
	return func(ctx context.Context, _ *typednats.Invocation) (context.Context, error) {
		if !l.Allow() {
			return nil, typednats.Errorf(429, "too many requests: ask again later")
		}
		return ctx, nil
	}
}

func ExampleGuard_rateLimit() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()

	svc, err := typednats.NewService(nc, typednats.ServiceConfig{Name: "warehouse", Version: "1.0.0"},
		Reserve.Handle(reserve, typednats.WithGuards(limited(rate.NewLimiter(rate.Every(time.Minute), 1)))))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()

	for range 2 {
		_, err := typednats.RequestService(ctx, nc, Reserve, ReserveRequest{Item: "nut"})
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// call "reserve" at "warehouse.reserve": service error 429: too many requests: ask again later
}

// Order is a request that knows what is wrong with it.
type Order struct {
	Item     string `json:"item"`
	Quantity int    `json:"quantity"`
}

// Validate implements what Validation looks for.
func (o Order) Validate() error {
	switch {
	case o.Item == "":
		return errors.New("item: it is empty")
	case o.Quantity < 1:
		return fmt.Errorf("quantity: %d is not a number of pieces", o.Quantity)
	}
	return nil
}

func ExampleValidation() {
	nc, end := exampleConn()
	defer end()
	ctx := context.Background()

	place := typednats.NewEndpoint[Order, Reservation, typednats.Never]("place")
	svc, err := typednats.NewService(nc, typednats.ServiceConfig{
		Name: "orders", Version: "1.0.0",
		Interceptors: []typednats.Interceptor{typednats.Validation()},
	}, place.Handle(func(context.Context, Order) (Reservation, error) { return Reservation{ID: "o-1"}, nil }))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = svc.Stop(ctx) }()

	_, err = typednats.RequestService(ctx, nc, place, Order{Item: "nut"})
	fmt.Println(err)

	client := typednats.NewClient(nc, typednats.WithInterceptors(typednats.Validation()))
	defer func() { _ = client.Close() }()
	_, err = typednats.RequestService(ctx, client, place, Order{}) // nothing is sent
	fmt.Println(err)
	// Output:
	// call "place" at "place": service error 400: quantity: 0 is not a number of pieces
	// call "place" at "place": typednats: invalid request: item: it is empty
}
