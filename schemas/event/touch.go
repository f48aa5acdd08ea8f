package event

// Touch is what one session did for one order, told by SESSION to JOURNEY whenever it changes. It is absolute: it replaces what
// was said before about the same (order, visitor, session), and with Gone it takes that back.
type Touch struct {
	Order          OrderID    `json:"order"`
	Visitor        VisitorID  `json:"visitor"`
	Session        uint64     `json:"session,string"` // hash(visitor, start), as in the sessions table
	Gone           bool       `json:"gone,omitempty"` // the session was absorbed or its start moved
	Start          Time       `json:"start"`
	Source         Source     `json:"source,omitempty"`
	Customer       CustomerID `json:"customer,omitempty"`
	Channel        string     `json:"channel,omitempty"`
	Referrer       string     `json:"referrer,omitempty"` // its host
	Campaign       string     `json:"campaign,omitempty"`
	Landing        string     `json:"landing,omitempty"` // path of the first page
	Device         string     `json:"device,omitempty"`
	Country        string     `json:"country,omitempty"`
	FirstSeen      Time       `json:"first_seen,omitempty"`      // of the visitor, within the horizon before Start
	SessionsBefore uint32     `json:"sessions_before,omitempty"` // of the visitor, within the horizon before Start
	View           Time       `json:"view,omitempty"`            // first time of each stage in the session, 0 = never
	Research       Time       `json:"research,omitempty"`
	Cart           Time       `json:"cart,omitempty"`
	Checkout       Time       `json:"checkout,omitempty"`
	Ordered        Time       `json:"ordered,omitempty"` // this order was completed
	Track          Time       `json:"track,omitempty"`   // first look at this order's tracking page
	Tracks         uint32     `json:"tracks,omitempty"`
	Contact        Time       `json:"contact,omitempty"` // first contact opened about this order
	Contacts       uint32     `json:"contacts,omitempty"`
}
