package decode

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unicode"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/schemas/event"
)

// picker reads nodes as what fields of ours need, and keeps the first refusal. The path names the sender's field; of a batch, in its
// element, because that is what the dead letter has.
type picker struct{ wrong *event.Refusal }

func (p *picker) refuse(reason, path, detail string) {
	if p.wrong == nil {
		p.wrong = &event.Refusal{Reason: reason, Field: path, Detail: detail}
	}
}

func (p *picker) mistyped(path, want string, n node) {
	if p.wrong == nil {
		p.wrong = wrongType(path, want, n)
	}
}

func (p *picker) text(path string, n node) string {
	s, ok := n.text()
	if !ok {
		p.mistyped(path, "text, or a number", n)
	}
	return s
}

func (p *picker) number(path string, n node) float64 {
	v, ok := n.number()
	if !ok {
		p.mistyped(path, "a number, or text that is one", n)
	}
	return v
}

func (p *picker) time(path string, n node) event.Time {
	t, err := n.time()
	if err != nil {
		p.refuse(event.WrongType, path, err.Error())
	}
	return t
}

// first is the first node that is there.
func first(nodes ...node) node {
	for _, n := range nodes {
		if !n.absent() && string(n) != `""` {
			return n
		}
	}
	return nil
}

// rest collects what has no field of its own: the free properties. Its memory is used again.
type rest struct{ b []byte }

// add adds a member.
func (r *rest) add(key string, value node) {
	if value.absent() {
		return
	}
	if len(r.b) == 0 {
		r.b = append(r.b, '{')
	} else {
		r.b = append(r.b, ',')
	}
	r.b = json.AppendEscape(r.b, key, 0)
	r.b = append(append(r.b, ':'), value...)
}

// addText adds a member that is text.
func (r *rest) addText(key, value string) {
	if value != "" {
		r.add(key, json.AppendEscape(nil, value, 0))
	}
}

// addObject adds what of an object has no field, under a name; its members that are skipped are fields, or must not be kept.
func (r *rest) addObject(key string, object node, skip ...string) {
	var inner rest
	if !object.isObject() {
		r.add(key, object)
		return
	}
	inner.addMembers(object, skip...)
	if len(inner.b) > 0 {
		r.add(key, append(inner.b, '}'))
	}
}

// addMembers adds the members of an object.
func (r *rest) addMembers(object node, skip ...string) {
	object.members(func(key string, value node) {
		if !slices.Contains(skip, key) {
			r.add(key, value)
		}
	})
}

// end returns the object in memory of out, or nil if it has no member, and is ready for the next.
func (r *rest) end(out *Events) json.RawMessage {
	if len(r.b) == 0 {
		return nil
	}
	object := out.Copy(append(r.b, '}'))
	r.b = r.b[:0]
	return object
}

// contentID makes an id of what an event says, for senders that give none.
func contentID(prefix string, content []byte) event.ID {
	sum := sha256.Sum256(content)
	return event.ID(prefix + "-" + hex.EncodeToString(sum[:16]))
}

// typeName makes a type of an event's name, for those that are in no table: "Promotion Viewed" is promotion_viewed.
func typeName(name string) event.Type {
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return event.Type(strings.ToLower(strings.Join(words, "_")))
}
