package view

import (
	"fmt"

	"github.com/afterclick/afterclick/schemas/table"
)

// ledger counts what came of the source records, block by block.
//
// It is a view, not a table that the pipeline keeps, because it must be a function of rows that one can open. A routed record's
// verdict is known only at its machine, in another lane than the one that read it, and at another time: counters would need a place
// where lanes meet, and what an aborted epoch or a rebuild had counted would have to be taken back. The rows are absolute already; so
// their count is, too, and it is never out of date. Only four narrow columns are read for it: ask for a topic, partition or offsets.
func ledger() View {
	return View{
		Name: "ledger",
		Comment: fmt.Sprintf("What became of the records of the source topics, by blocks of %d offsets of a partition: events = accepted + duplicate + late + refused. ", table.LedgerBlock) +
			"It counts rows of events and dead_letters; a record has one or, if it is a batch, several. Whether they are all that Kafka delivered, and as it did, afterclick verify tells.",
		Columns: []Column{
			{"topic", "LowCardinality(String)", "Kafka topic of the shop."},
			{"partition", "Int32", "Kafka partition."},
			{"block", "Int64", fmt.Sprintf("Number of the block: its first offset divided by %d.", table.LedgerBlock)},
			{"first", "Int64", "Lowest offset in the block that has a row."},
			{"last", "Int64", "Highest offset in the block that has a row."},
			{"records", "UInt64", "Records that have a row for their first event."},
			{"events", "UInt64", "Rows: events of these records, refused ones among them."},
			{"accepted", "UInt64", "Events that count."},
			{"duplicate", "UInt64", "Events whose id came before."},
			{"late", "UInt64", "Events that were too old to change anything."},
			{"refused", "UInt64", "Dead letters."},
			{"holes", "Int64", "Offsets from first to last without a record: transaction markers, records under way, or something lost. Below 0: more records than offsets. Where to look first."},
		},
		Query: fmt.Sprintf(`SELECT topic, partition, toInt64(intDiv(offset, %d)) AS block,
    min(offset) AS first,
    max(offset) AS last,
    countIf(part = 0) AS records,
    count() AS events,
    countIf(verdict = 1) AS accepted,
    countIf(verdict = 2) AS duplicate,
    countIf(verdict = 3) AS late,
    countIf(verdict = 4) AS refused,
    last - first + 1 - toInt64(records) AS holes
FROM (
    SELECT topic, partition, offset, part, toUInt8(status) AS verdict FROM %s FINAL
    UNION ALL
    SELECT topic, partition, offset, part, toUInt8(4) AS verdict FROM %s FINAL
)
GROUP BY topic, partition, block
SETTINGS do_not_merge_across_partitions_select_final = 1`, table.LedgerBlock, table.Events.Stored(), table.DeadLetters.Stored()),
	}
}
