package session

import (
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
)

// kind is a click's type in the state. The numbers are stored: append only, at most 31.
type kind uint8

const (
	other kind = iota // and product_list: a visit
	product
	search
	reviewsRead
	compareProducts
	cartViewed
	cartAdded
	cartRemoved
	checkoutStarted
	checkoutStep
	checkoutCompleted
	trackingViewed
	contactOpened
	page // other, in states that were written before pages were counted
	kinds
)

var kindByType = map[event.Type]kind{event.Product: product, event.Search: search, event.ReviewsRead: reviewsRead,
	event.Compare: compareProducts, event.CartViewed: cartViewed, event.CartAdded: cartAdded, event.CartRemoved: cartRemoved,
	event.CheckoutStarted: checkoutStarted, event.CheckoutStep: checkoutStep, event.CheckoutCompleted: checkoutCompleted,
	event.TrackingViewed: trackingViewed, event.ContactOpened: contactOpened, event.Page: page}

func kindOf(t event.Type) kind { return kindByType[t] }

// stages a click of each kind takes its session to. Looking at tracking or asking for help is no step towards a purchase.
var stages = [32]table.Stage{other: table.Visit, product: table.View, search: table.Research, reviewsRead: table.Research,
	compareProducts: table.Research, cartViewed: table.Cart, cartAdded: table.Cart, cartRemoved: table.Cart,
	checkoutStarted: table.Checkout, checkoutStep: table.Checkout, checkoutCompleted: table.Ordered,
	trackingViewed: table.Visit, contactOpened: table.Visit, page: table.Visit}

func (k kind) stage() table.Stage { return stages[k&31] }
func (k kind) ofProduct() bool    { return k == product || k == cartAdded }
func (k kind) inCheckout() bool   { return k >= checkoutStarted && k <= checkoutCompleted }

// links says whether a click of this kind that names an order makes its session a touch of that order.
func (k kind) links() bool { return k >= checkoutCompleted && k <= contactOpened }
