package event

import "strings"

// Refusal says why a record is set aside. It is the error of decoding and validation; the engine turns it into a dead letter.
type Refusal struct {
	Reason string // a short slug to group by: see the constants
	Field  string // the field that broke the rule, as a JSON path; empty if it is the whole record
	Detail string // a sentence that helps the sender: the rule, and what came instead
}

func (r *Refusal) Error() string {
	if r.Field != "" {
		return r.Reason + ": " + r.Field + ": " + r.Detail
	}
	return r.Reason + ": " + r.Detail
}

// Reasons of a refusal.
const (
	BadJSON        = "bad_json"        // not JSON at all, not UTF-8, or nested too deep
	BadRecord      = "bad_record"      // not what the format of its topic says, where that is not JSON
	UnknownVersion = "unknown_version" // of the contract, a format or a schema that this version of Afterclick does not know
	WrongType      = "wrong_type"      // a field has another JSON type than the contract says
	MissingField   = "missing_field"   // a required field is absent or empty
	BadValue       = "bad_value"       // a field breaks its rule
	UnknownType    = "unknown_type"    // the topic has no event of that type, or the format none of that name
	Unplaceable    = "unplaceable"     // names neither an order nor a review, so no journey can have it
	TimePast       = "time_past"       // before 2000: seconds sent as milliseconds, most likely
	TimeAhead      = "time_ahead"      // ahead of the source time by more than is allowed
	TooLarge       = "too_large"       // the record is larger than is allowed
	WrongKey       = "wrong_key"       // keyed_by says visitor, the record's key says something else
)

// clip keeps a piece of input short enough for a reason, and whole letters of it.
func clip(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:61], "") + "..."
	}
	return s
}
