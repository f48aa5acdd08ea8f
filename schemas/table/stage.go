// Package table holds every table of ClickHouse: its row type, its columns with their comments, and its SQL, side by side.
package table

// Stage says how far a session or journey got.
type Stage uint8

// The stages, in order. The numbers are stored: append only.
const (
	Visit Stage = iota + 1
	View
	Research
	Cart
	Checkout
	Ordered
	Promised
	Shipped
	Tracked
	Delivered
	Confirmed
	Reviewed
)

// StageNames are the names of the stages, by number, as the Enum8 of the tables has them.
var StageNames = [...]string{"", "visit", "view", "research", "cart", "checkout", "order", "promise", "ship", "track", "deliver", "confirm", "review"}

func (s Stage) String() string {
	if int(s) < len(StageNames) {
		return StageNames[s]
	}
	return "unknown"
}
