package cell

import "github.com/afterclick/afterclick/schemas/table"

// Reputation counts opinions by what they are about.
var Reputation = define(Cell{
	Schema: table.Schema{
		Name: table.CellReputation,
		Comment: "Opinions by what they are about, by the quarter-hour in which they were posted; removed ones are left out. " +
			"An opinion about two subjects counts for both, so counts add up within one subject or subject kind only.",
	},
	source: &table.Reviews.Schema, at: "posted", key: "month, order, review",
	from:  " ARRAY JOIN subjects.kind AS subject_kind, subjects.id AS subject",
	where: "posted > 0 AND removed = 0", part: "toString(c.subject_kind)",
}, []part{
	{"subject_kind", word, "subject_kind", "Kind of what it is about: product, brand, carrier, shop."},
	{"subject", "String", "subject", "Id of what it is about."},
	{"source", word, "source", "Where it was posted."},
	{"language", word, "language", "Language, ISO 639-1, if known."},
	{"promise", "Enum8('' = 0, 'none' = 1, 'open' = 2, 'kept' = 3, 'broken' = 4)", "promise",
		"What became of the promised arrival of its order: none, open, kept, broken."},
}, []part{
	{"opinions", count, "count()", "Opinions."},
	{"negative", count, "countIf(sentiment = 'negative')", "Negative ones: at most 2 of 5 stars."},
	{"neutral", count, "countIf(sentiment = 'neutral')", "Neutral ones."},
	{"positive", count, "countIf(sentiment = 'positive')", "Positive ones: at least 4 of 5 stars."},
	{"unscored", count, "countIf(sentiment = 'unscored')", "Neither rating nor text says it."},
	{"rated", count, "countIf(stars > 0)", "Opinions with a rating."},
	{"stars", "Float64", "sum(stars)", "Stars, on 1 to 5, summed; divide by rated."},
	{"answered", count, "countIf(answered > 0)", "Opinions that were answered."},
	{"resolved", count, "countIf(resolved > 0)", "Opinions that were resolved."},
	{"reach", "Float64", "sum(reach)", "People who are likely to see them."},
})
