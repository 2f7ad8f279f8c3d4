package typednats

import "github.com/typednats/typednats/internal/wire"

// ErrorMapper gives a declared error the description and the code that cross the wire beside it, for people, for
// logs and for clients in other languages. An empty description is replaced by the error's wire tag, a code below 1
// by 500.
type ErrorMapper[Err error] func(err Err) (description string, code int)

// erasedMapper is an ErrorMapper without its type parameter. A nil call is a nil mapper.
type erasedMapper struct {
	call func(error) (string, int)
}

func eraseMapper[Err error](m ErrorMapper[Err]) *erasedMapper {
	if m == nil {
		return &erasedMapper{}
	}
	return &erasedMapper{func(err error) (string, int) {
		declared, ok := err.(Err) //nolint:errorlint // find has unwrapped it
		if !ok {                  // FailsWith accepts values of Err only
			return err.Error(), wire.DefaultCode
		}
		return m(declared)
	}}
}
