package table

import "github.com/afterclick/afterclick/schemas/event"

// Status says what became of a record that decodes.
type Status string

const (
	Accepted  Status = "accepted"
	Duplicate Status = "duplicate" // its id was known already
	Late      Status = "late"      // older than the clock minus the horizon: stored, touches no state
)

// Event is a row of events: an event of a record of a source topic that decodes.
type Event struct {
	Topic      string // the source topic's name in Kafka
	Partition  int32
	Offset     int64
	Part       uint32 // of the record
	SourceTime event.Time
	Status     Status
	Kind       event.Topic // clickstream, orders, deliveries, reviews
	Header     event.Header
	Visitor    event.VisitorID
	Customer   event.CustomerID
	Order      event.OrderID
	Review     event.ReviewID
	Product    event.ProductID
	URL        string
	Country    string // of a click
	Region     string
	Value      float64
	Body       []byte // canonical JSON: enough to feed it again
	Revision   uint64
}

// Events is the table of everything that came in and decodes.
var Events = define(Schema{
	Name: "events",
	Comment: "Every event of the source topics' records that decodes, once per place in Kafka, as canonical JSON. " +
		"status tells which of them count.",
	Engine:    "ReplacingMergeTree(revision)",
	Partition: "toYYYYMM(time)",
	Order:     "toDate(time), topic, partition, offset, part",
},
	col("time", moment, "When it happened, UTC, as the event says. Filter by it: the table is sorted by its day.",
		func(r *Event) event.Time { return r.Header.Time }),
	col("topic", word, "Kafka topic that the record was read from.", func(r *Event) string { return r.Topic }),
	col("partition", int32s, "Kafka partition.", func(r *Event) int32 { return r.Partition }),
	packed("Delta, LZ4", col("offset", int64s, "Kafka offset. topic, partition and offset name one record.",
		func(r *Event) int64 { return r.Offset })),
	col("part", uint32s, "Which event of the record, from 0: a batch has several.", func(r *Event) uint32 { return r.Part }),
	packed("Delta, LZ4", col("source_time", moment, "Timestamp of the Kafka record, or what an importer says instead of it, UTC.",
		func(r *Event) event.Time { return r.SourceTime })),
	named("status", statuses, "accepted: counted. duplicate: an event of this id came before. late: too old to change anything.",
		func(r *Event) Status { return r.Status }),
	col("kind", topics.kind, "clickstream, orders, deliveries or reviews, whatever the topic is called.",
		func(r *Event) int8 { return int8(r.Kind) }),
	col("type", word, "What happened, such as product, cart_added, placed, delivered, posted.",
		func(r *Event) string { return string(r.Header.Type) }),
	col("id", text, "Id of the event. Two records with the same id are the same fact, told twice.",
		func(r *Event) string { return string(r.Header.ID) }),
	col("source", word, "Who told it: web, app, erp, a carrier, a review site.", func(r *Event) string { return string(r.Header.Source) }),
	col("visitor", text, "Device or browser id.", func(r *Event) string { return string(r.Visitor) }),
	col("customer", text, "Known person's id, empty if not logged in.", func(r *Event) string { return string(r.Customer) }),
	col("order", text, "Order that the event names.", func(r *Event) string { return string(r.Order) }),
	col("review", text, "Review that the event names.", func(r *Event) string { return string(r.Review) }),
	col("product", text, "Product that the event names.", func(r *Event) string { return string(r.Product) }),
	col("url", text, "Address of the page.", func(r *Event) string { return r.URL }),
	col("country", word, "Country of a click, ISO 3166-1 alpha-2, as it says itself, else by its address; empty: neither tells.",
		func(r *Event) string { return r.Country }),
	col("region", word, "Region of a click in that country, as it says itself, else by its address; empty: neither tells.",
		func(r *Event) string { return r.Region }),
	col("value", floats, "Value of the event, for orders their total, in its currency.", func(r *Event) float64 { return r.Value }),
	// LZ4, the default: ZSTD(1) takes less than half of the disk, but 1.2 µs more of the 3.5 that a row costs to insert, and as much
	// in every merge. Who would rather have the disk may alter the codec: migrations leave it alone.
	col("body", blob, "The event as canonical JSON: the record's value as it came if that is its format, but without members called ip. The view takes the free properties out of it.",
		func(r *Event) []byte { return r.Body }),
	col("revision", uint64s, "Version of the row: the highest wins.", func(r *Event) uint64 { return r.Revision }),
)
