package typednats_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/typednats/typednats"
	"github.com/typednats/typednats/codec/json"
	"github.com/typednats/typednats/codec/raw"
)

// job is a type that cannot be sent.
type job struct {
	ID   string
	Done chan int
}

func (job) Error() string { return "no job" }

func (job) stockError() {}

// choosy is JSON that cannot carry some types, and may panic when it is asked.
type choosy struct {
	signedJSON

	refused reflect.Type
	panics  bool
}

func (c choosy) CheckType(t reflect.Type) error {
	if c.panics {
		panic("asked")
	}
	if t == c.refused {
		return errors.New("not this one")
	}
	return nil
}

func TestValidateAsksEachCodec(t *testing.T) {
	t.Parallel()
	const where = `typednats: invalid endpoint "e": `
	type never = typednats.Never
	custom := choosy{signedJSON: signedJSON{"text/x"}, refused: reflect.TypeFor[note]()}
	for _, tt := range []struct {
		e    validator
		want []string
	}{
		{typednats.NewEndpoint[job, note, never]("e"), []string{
			where + `request in application/json "typednats_test.job": json: job.Done: chan int cannot be encoded`}},
		{typednats.NewEndpoint[note, *job, never]("e"), []string{
			where + `reply in application/json "*typednats_test.job": json: job.Done: chan int cannot be encoded`}},
		{typednats.NewEndpoint[note, note, job]("e"), []string{
			where + `error in application/json "typednats_test.job": json: job.Done: chan int cannot be encoded`}},
		{typednats.NewEndpoint[note, note, stockError]("e").FailsWith(noItem{}, &job{}), []string{
			where + `error in application/json "typednats_test.job": json: job.Done`}},
		{typednats.NewEndpoint[note, string, missing]("e").WithCodec(json.Codec, raw.Codec), []string{
			where + `request in application/octet-stream "typednats_test.note": raw: `,
			where + `error in application/octet-stream "typednats_test.missing": raw: `}},
		{typednats.NewEndpoint[struct{}, string, busy]("e").WithCodec(raw.Codec), nil},
		{typednats.NewEndpoint[note, string, never]("e").WithCodec(json.Codec, custom), []string{
			where + `request in text/x "typednats_test.note": not this one`}},
		{typednats.NewEndpoint[string, string, never]("e").WithCodec(custom), nil},
		{typednats.NewEndpoint[string, struct{}, never]("e").WithCodec(choosy{signedJSON: custom.signedJSON, panics: true}), []string{"panic: asked"}},
		{typednats.NewEndpoint[string, struct{}, never]("e").WithCodec(json.New(nil)), []string{"json: New: an Option is nil"}},
	} {
		err := tt.e.Validate()
		if (err == nil) != (tt.want == nil) {
			t.Errorf("%v, want %q", err, tt.want)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) || !errors.Is(err, typednats.ErrInvalidEndpoint) {
				t.Errorf("%v, want %q", err, want)
			}
		}
		if err != nil && strings.Count(err.Error(), "\n")+1 != len(tt.want) {
			t.Errorf("%v, want %d mistakes", err, len(tt.want))
		}
	}
}

// The endpoint is sound, and the call is not.
func TestCodecOfACallIsAsked(t *testing.T) {
	t.Parallel()
	r := typednats.Local()
	custom := choosy{signedJSON: signedJSON{"text/x"}, refused: reflect.TypeFor[note]()}
	_, err := typednats.RequestService(within(t), r, echo, note{}, typednats.WithCallCodec(custom))
	compareInvalid(t, err, `request in text/x "typednats_test.note": not this one`)
	_, err = typednats.Request[job, string](within(t), r, "a", job{})
	compareInvalid(t, err, `request in application/json "typednats_test.job"`)
	_, err = typednats.Request[string, job](within(t), r, "a", "")
	compareInvalid(t, err, `reply in application/json "typednats_test.job"`)
	_, err = typednats.Request[string, note](within(t), r, "a", "", typednats.WithCallCodec(custom))
	compareInvalid(t, err, `reply in text/x "typednats_test.note"`)
	if _, err = typednats.Request[job, string](within(t), r, "a", job{}, typednats.WithCallCodec(custom)); errors.Is(err, typednats.ErrInvalidConfig) {
		t.Errorf("%v: the codec of the call takes the type", err)
	}
}

func compareInvalid(t *testing.T, err error, want string) {
	t.Helper()
	if !errors.Is(err, typednats.ErrInvalidConfig) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want ErrInvalidConfig about %q", err, want)
	}
}
