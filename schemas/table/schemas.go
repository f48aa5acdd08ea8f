package table

// Schemas are the tables of rows that the pipeline writes, and its bookkeeping, in the order in which they are created.
func Schemas() []*Schema {
	return []*Schema{&Events.Schema, &Sessions.Schema, &Identities.Schema, &Journeys.Schema, &Reviews.Schema, &DeadLetters.Schema,
		&TouchedTable.Schema, &Refreshed, &Stated}
}
