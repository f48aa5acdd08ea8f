package table

import "github.com/afterclick/afterclick/schemas/event"

// Identity is a row of identities: within one session, a visitor was seen as a customer from–to.
type Identity struct {
	Visitor   event.VisitorID
	Start     event.Time // of the session
	From      event.Time // first event that names the customer, in an unbroken run
	To        event.Time // last event of that run
	Customer  event.CustomerID
	Revision  uint64
	IsDeleted bool
}

// Identities is the table that tells who a visitor was, and when.
var Identities = define(Schema{
	Name: "identities",
	Comment: "A visitor was seen as a customer from-to, within one session. A device that two people share has ranges of both. " +
		"A new version of a row replaces the one before.",
	Engine: "ReplacingMergeTree(revision, is_deleted)",
	Order:  "visitor, start, from, customer",
},
	col("visitor", text, "Device or browser id.", func(r *Identity) string { return string(r.Visitor) }),
	col("start", moment, "Start of the session, UTC.", func(r *Identity) event.Time { return r.Start }),
	col("from", moment, "First event, in an unbroken run, that names the customer, UTC.", func(r *Identity) event.Time { return r.From }),
	col("to", moment, "Last event of that run, UTC.", func(r *Identity) event.Time { return r.To }),
	col("customer", text, "Known person's id.", func(r *Identity) string { return string(r.Customer) }),
	col("revision", uint64s, "Version of the row: the highest wins.", func(r *Identity) uint64 { return r.Revision }),
	col("is_deleted", deleted, "1: it turned out not to be so.", func(r *Identity) bool { return r.IsDeleted }),
)
