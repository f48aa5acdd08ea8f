package decode

import "github.com/afterclick/afterclick/schemas/event"

// canonicalDefinition is our own JSON. Where it is not in an envelope, a Reader takes the short way: the record is routed as it came.
var canonicalDefinition = definition{
	name:  Canonical,
	holds: event.SourceTopics,
	open: func(o *Options) (func() Format, error) {
		return func() Format { return canonical{o.Holds[0]} }, nil
	},
}

type canonical struct{ kind event.Topic }

func (c canonical) Decode(r *Record, out *Events) error {
	if wrong := readable(r.Value); wrong != nil {
		out.Refuse(wrong)
		return nil
	}
	if wrong := fill(out.Add(c.kind), r.Value); wrong != nil {
		out.Spoil(wrong)
	}
	return nil
}
