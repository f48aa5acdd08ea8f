package table

// LedgerBlock is how many offsets of a source partition a row of the ledger sums up.
const LedgerBlock = 1 << 16
