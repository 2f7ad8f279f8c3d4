package discovery

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/typednats/typednats/internal/subject"
)

// ask returns the answers to one question as they come. Each range over them asks anew. The path is empty for
// everybody, the name of a service, or a name and an instance id.
func ask[A any](
	ctx context.Context, c *Client, verb micro.Verb, parse func([]byte) (A, author, error), path ...string,
) iter.Seq2[A, error] {
	return func(yield func(A, error) bool) {
		var answer A
		q := query{
			client: c,
			verb:   verb,
			path:   path,
			seen:   make(map[instance]struct{}),
			read: func(data []byte) (who author, err error) {
				answer, who, err = parse(data)
				return who, err
			},
			yield: func() bool { return yield(answer, nil) },
		}
		if err := q.run(ctx); err != nil {
			var none A
			yield(none, err)
		}
	}
}

// scope is the path for the queries whose name may be empty.
func scope(name string) []string {
	if name == "" {
		return nil
	}
	return []string{name}
}

// collect returns what came up to the first error, and that error.
func collect[A any](answers iter.Seq2[A, error]) ([]A, error) {
	var all []A
	for answer, err := range answers {
		if err != nil {
			return all, err
		}
		all = append(all, answer)
	}
	return all, nil
}

// first returns the first answer or error.
func first[A any](answers iter.Seq2[A, error]) (A, error) {
	for answer, err := range answers {
		return answer, err
	}
	var none A
	return none, ErrNotFound
}

// query is one question and what came of it.
type query struct {
	client  *Client
	verb    micro.Verb
	path    []string
	subject string
	seen    map[instance]struct{} // who answered

	read  func(data []byte) (author, error) // keeps the answer that data holds
	yield func() bool                       // hands on the answer that was read last
}

type instance struct{ name, id string }

// run asks and hands on the answers until the query ends.
func (q *query) run(ctx context.Context) error {
	verb := strings.ToLower(q.verb.String())
	if err := q.prepare(); err != nil {
		return fmt.Errorf("discovery: %s: %w", verb, err)
	}
	err := q.exchange(ctx)
	if err == nil && len(q.path) == 2 && len(q.seen) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("discovery: %s %s: %w", verb, q.subject, err)
	}
	return nil
}

// prepare builds the subject. Nothing that could widen it gets in.
func (q *query) prepare() error {
	if q.client.err != nil {
		return q.client.err
	}
	if len(q.path) > 0 {
		err := subject.CheckName(q.path[0])
		if err == nil {
			err = subject.CheckToken(q.path[0]) // which bounds it
		}
		if err != nil {
			return fmt.Errorf("%w: service name %.64q: %w", ErrInvalidArgument, q.path[0], err)
		}
	}
	if len(q.path) > 1 {
		if err := subject.CheckToken(q.path[1]); err != nil {
			return fmt.Errorf("%w: instance id %.64q: %w", ErrInvalidArgument, q.path[1], err)
		}
	}
	q.subject = strings.Join(append([]string{q.client.settings.prefix, q.verb.String()}, q.path...), ".")
	return nil
}

// tell tells the owner of the client what is wrong with an answer.
func (q *query) tell(err error) {
	if f := q.client.settings.replyError; f != nil {
		f(q.subject, err)
	}
}

// check reads msg and says who answered, or why msg does not count.
func (q *query) check(msg *nats.Msg) (author, error) {
	if err := errorReply(msg.Header); err != nil {
		return author{}, err
	}
	who, err := q.read(msg.Data)
	if err != nil {
		return author{}, err
	}
	if len(q.path) > 0 && who.name != q.path[0] {
		return author{}, fmt.Errorf("answer of service %.64q, which was not asked", who.name)
	}
	if len(q.path) > 1 && who.id != q.path[1] {
		return author{}, fmt.Errorf("answer of instance %.64q, which was not asked", who.id)
	}
	if _, again := q.seen[who.instance]; again {
		return author{}, fmt.Errorf("service %.64q, instance %.64q: %w", who.name, who.id, ErrDuplicate)
	}
	return who, nil
}
