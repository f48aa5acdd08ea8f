package table

// Schemas are all tables of rows that the pipeline writes, in the order in which they are created.
func Schemas() []*Schema {
	return []*Schema{&Events.Schema, &Sessions.Schema, &Identities.Schema, &Journeys.Schema, &Reviews.Schema, &DeadLetters.Schema}
}
