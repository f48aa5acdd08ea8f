package event

import (
	"embed"
	"strings"
)

// What senders read: the contract as JSON Schema, and an example of every type, named TOPIC.TYPE.json. The schemas are made from
// the types of this package and their comments: `go test ./schemas/event -run TestSchemas -update` writes them.
//
//go:embed *.schema.json examples/*.json
var published embed.FS

// Schema returns the JSON Schema of a source topic. What it takes, Decode and Validate take; they are more tolerant in places
// (null, empty text), and know rules that a schema cannot tell (times, bytes, a rating on its scale).
func Schema(t Topic) []byte {
	b, err := published.ReadFile(t.String() + ".schema.json")
	if err != nil {
		panic("event: Schema of " + t.String() + ", which is no source topic")
	}
	return b
}

// Examples returns an example of each type of a source topic.
func Examples(t Topic) map[Type][]byte {
	files, err := published.ReadDir("examples")
	if err != nil {
		panic(err) // it is embedded
	}
	examples := map[Type][]byte{}
	for _, f := range files {
		topic, typ, _ := strings.Cut(strings.TrimSuffix(f.Name(), ".json"), ".")
		if topic != t.String() {
			continue
		}
		b, err := published.ReadFile("examples/" + f.Name())
		if err != nil {
			panic(err)
		}
		examples[Type(typ)] = b
	}
	return examples
}
