package tsgen_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/typednats/typednats/cmd/typednats/internal/endpoints"
	"github.com/typednats/typednats/cmd/typednats/internal/tsgen"
	"github.com/typednats/typednats/contract"
)

// strange returns a set in which a text is wherever a contract may have one, and one of which nothing is special.
func strange(text string) (endpoints.Set, error) {
	raw, err := json.Marshal(text)
	if err != nil {
		return endpoints.Set{}, err
	}
	str := &contract.Schema{Types: []contract.Type{contract.String}, Description: text}
	words := contract.Schema{
		Types: []contract.Type{contract.Object}, Title: text, Description: text, Deprecated: true, Examples: []json.RawMessage{raw},
		Properties: map[string]*contract.Schema{
			"p" + text: str, "q": {Enum: []json.RawMessage{raw, json.RawMessage("1")}}, "r": {Types: []contract.Type{contract.String}, Format: text + "f"},
			"s": {ContentEncoding: text + "e", Types: []contract.Type{contract.String}},
			"t": {Ref: contract.Reference(text)}, "u": {Const: json.RawMessage(`{"a":` + string(raw) + `}`)}, "v": {Ref: text + "x"},
			"w": {Types: []contract.Type{contract.Integer}},
		},
		Required: []string{"p" + text, "z" + text},
	}
	doc := contract.Document{
		Name: "e", Subject: "e.*", Description: text, Deprecated: text, ContentTypes: []string{"application/json"},
		Request: &contract.Schema{Ref: contract.Reference(text)}, Reply: &contract.Schema{Ref: contract.Reference(text)},
		Examples: []contract.Example{{Request: raw}}, Defs: map[string]*contract.Schema{text: &words},
		Errors: []contract.Error{{Tag: "t" + text, Aliases: []string{"a" + text}, Schema: &words}},
	}
	packed := contract.Document{Name: "packed", Subject: "packed", ContentTypes: []string{"x" + text}}
	if subject := "packed." + text; !strings.ContainsAny(text, "*>") {
		packed.Subject = subject
	}
	if packed.Validate() != nil {
		packed.Subject = "packed"
	}
	if shared := doc; !strings.ContainsAny(text, "*>") {
		shared.Subject += "." + text
		if shared.Validate() == nil {
			doc = shared
		}
	}
	if err := doc.Validate(); err != nil {
		return endpoints.Set{}, err
	}
	if err := packed.Validate(); err != nil {
		return endpoints.Set{}, err
	}
	return endpoints.NewSet(text, doc, packed)
}

var (
	instructions = regexp.MustCompile(`(?:^|[^A-Za-z0-9\\])@`)
	escapes      = regexp.MustCompile(`(?s)\\.`)
	ourTags      = regexp.MustCompile(`^ *(?:/\*\*|\*) @(?:deprecated|example)\b`)
)

// comment returns the comment that a text begins with, or nothing.
func comment(text string) string {
	end := 0
	switch {
	case strings.HasPrefix(text, "/*"):
		end = strings.Index(text, "*/") + 2
	case strings.HasPrefix(text, "//"):
		end = max(strings.IndexAny(text, "\n\r\u2028\u2029"), 2)
	}
	return text[:end]
}

// literal returns the name or the literal that a text begins with, or nothing.
func literal(text string) string {
	if delimiter := text[0]; delimiter == '"' || delimiter == '`' {
		for i := 1; i < len(text); i++ {
			switch text[i] {
			case delimiter:
				return text[:i+1]
			case '\\':
				i++
			case '\n', '\r':
				return text[:1]
			}
		}
		return text
	}
	end := strings.IndexFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_$#", r)
	})
	return text[:max(end, 0)]
}

// skeleton returns the code of a file without its comments, and with a T for each name and literal.
func skeleton(t *testing.T, text string) string {
	t.Helper()
	var b strings.Builder
	for text != "" {
		if comment := comment(text); comment != "" {
			for line := range strings.Lines(comment) {
				if instructions.MatchString(ourTags.ReplaceAllString(line, "")) {
					t.Errorf("a comment has an instruction: %q", line)
				}
			}
			text = text[len(comment):]
			continue
		}
		if literal := literal(text); literal != "" {
			if strings.ContainsFunc(literal, func(r rune) bool { return r < ' ' || r == 0x2028 || r == 0x2029 || r == 0xFEFF }) {
				t.Errorf("a literal has a character that is not seen: %q", literal)
			}
			if plain := escapes.ReplaceAllString(literal, ""); literal[0] == '`' && strings.Count(plain, "${") != strings.Count(plain, "${string}") {
				t.Errorf("a template has code in it: %s", literal)
			}
			b.WriteString("T")
			text = text[len(literal):]
			continue
		}
		r, size := utf8.DecodeRuneInString(text)
		if r > '~' {
			t.Errorf("code has the character %q", r)
		}
		if r != ' ' && r != '\n' {
			b.WriteRune(r)
		}
		text = text[size:]
	}
	// Long lines are broken, with a bar or a comma more.
	return strings.NewReplacer("=|", "=", ":|", ":", ",)", ")", ",]", "]").Replace(b.String())
}

// mine returns what was made of contracts, without what each file has.
func mine(text string) string {
	text, _, _ = strings.Cut(text, "/** What a call gives")
	return text
}

// nasty are texts by which a stranger could try to write code.
var nasty = []string{
	"*/ alert(1) /*", "\"; alert(1); //", "'; alert(1)", "`${alert(1)}`", "${alert(1)}", "\\", "\\\"", "\\u0022", "a\nb", "a\r\nb",
	"\u2028alert(1)", "\u2029", "*\\/", "**//", "*\u200b/", "@ts-ignore", " @ts-nocheck", "x @deprecated y", "a@b.c", "\u202e", "\ufeff",
	"</script>", "//# sourceMappingURL=x", "__proto__", "constructor", "any", "1", "-1", "a b", "ä", "名前", "𝒳", "e\u0301", "/", "~1", "%2F", "#",
	"type", "string", "null", "Result", "ServiceError", "Promise", "ⸯ", "ʰ", "\x00", "\x7f", "\u0085", "*", ">", "", "a.b", "get", "new", "number",
	strings.Repeat("long words ", 50), strings.Repeat("x", 400), "/// <reference path='x'/>", "@example */",
}

func FuzzStrangeText(f *testing.F) {
	for _, text := range nasty {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := strange(text)
		if err != nil {
			t.Skip(err)
		}
		plain, err := strange("plain")
		if err != nil {
			t.Fatal(err)
		}
		for _, int64s := range []tsgen.Int64{tsgen.Number, tsgen.Bigint} {
			got, want := skeleton(t, mine(generate(t, int64s, set))), skeleton(t, mine(generate(t, int64s, plain)))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q changes the code (-want +got):\n%s", text, diff)
			}
		}
	})
}
