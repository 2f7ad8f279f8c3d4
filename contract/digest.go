package contract

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
)

// digestBytes is how much of the SHA-256 hash is kept: enough that two documents of one fleet never share it, short
// enough for the metadata of a thousand endpoints.
const digestBytes = 16

// Digest names what the document says, apart from what it says to people: 22 characters of base64url, which may stand in
// a subject. It is the SHA-256 hash of [Document.Bytes] without annotations, cut to 16 bytes.
//
// Annotations are description, deprecated and examples in the document, and title, description, deprecated, examples,
// default and $comment in a schema. So better words never change a digest, and everything that a client or a service
// could notice does.
func (d Document) Digest() string {
	return digest(d.tree())
}

// DigestOf returns the digest of a document as it was received. It differs from that of the parsed document where
// somebody wrote what [Document.Bytes] leaves out, such as an empty list. Whoever fetches a document by its digest
// compares this one.
func DigestOf(data []byte) (string, error) {
	tree, err := parseTree(data)
	if err != nil {
		return "", parseError("", err)
	}
	object, ok := tree.(map[string]any)
	if !ok {
		return "", parseError("", errors.New("is not an object"))
	}
	return digest(object), nil
}

// digest takes the tree apart.
func digest(document map[string]any) string {
	for _, name := range []string{"description", "deprecated", "examples"} {
		delete(document, name)
	}
	plainBodies(document, "errors")
	plainSchemas(document["$defs"])
	if variants, ok := document["variants"].(map[string]any); ok {
		for _, variant := range variants {
			if bodies, ok := variant.(map[string]any); ok {
				plainBodies(bodies, "")
				plainSchemas(bodies["errors"])
			}
		}
	}
	sum := sha256.Sum256(appendCanonical(nil, document))
	return base64.RawURLEncoding.EncodeToString(sum[:digestBytes])
}

// plainBodies takes the annotations out of a request, a reply, and a list of errors.
func plainBodies(t map[string]any, errorList string) {
	plainSchema(t["request"])
	plainSchema(t["reply"])
	list, _ := t[errorList].([]any)
	for _, element := range list {
		if declared, ok := element.(map[string]any); ok {
			plainSchema(declared["schema"])
		}
	}
}

// plainSchema takes the annotations out of a schema and of those below it. A keyword that is not compared is left as
// it is, with all that is in it.
func plainSchema(tree any) {
	schema, ok := tree.(map[string]any)
	if !ok {
		return
	}
	for name := range schema {
		if isAnnotation(name) {
			delete(schema, name)
		}
	}
	plainSchemas(schema["properties"])
	plainSchemas(schema["$defs"])
	plainSchema(schema["additionalProperties"])
	plainSchema(schema["x-keys"])
	plainSchema(schema["items"])
	alternatives, _ := schema["anyOf"].([]any)
	for _, alternative := range alternatives {
		plainSchema(alternative)
	}
}

func plainSchemas(tree any) {
	schemas, _ := tree.(map[string]any)
	for _, schema := range schemas {
		plainSchema(schema)
	}
}

// isAnnotation reports whether a keyword of a schema is for people only.
func isAnnotation(keyword string) bool {
	switch keyword {
	case "title", "description", "deprecated", "examples", "default", "$comment":
		return true
	default:
		return false
	}
}
