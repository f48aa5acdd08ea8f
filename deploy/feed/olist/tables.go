package olist

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/schemas/event"
)

// tables are the files, joined as far as events need it, in the order of their rows.
type tables struct {
	orders  []*order
	byID    map[event.OrderID]*order
	reviews []*review
}

type order struct {
	id         event.OrderID
	customer   event.CustomerID
	state      string
	status     string
	purchased  event.Time
	approved   event.Time
	handedOver event.Time
	delivered  event.Time
	estimated  event.Time
	shipBy     event.Time // of the item that may be sent last
	items      []event.Item
	freight    float64
	payment    payment
}

type payment struct {
	Types        []string `json:"payment_types,omitempty"`
	Installments int      `json:"installments,omitempty"`
	Paid         float64  `json:"paid,omitempty"`
	Freight      float64  `json:"freight,omitempty"`
}

type review struct {
	id       event.ReviewID
	order    event.OrderID
	score    float64
	title    string
	text     string
	created  event.Time
	answered event.Time
}

// total is what the customer pays: goods and freight, or the payments if the goods are not known.
func (o *order) total() float64 {
	sum := o.freight
	for _, i := range o.items {
		sum += i.Price * i.Quantity
	}
	if len(o.items) == 0 {
		sum = o.payment.Paid
	}
	return cents(sum)
}

// cents takes away what binary fractions add to sums of money.
func cents(x float64) float64 { return math.Round(x*100) / 100 }

func (o *order) subjects() []event.Subject {
	var all []event.Subject
	add := func(kind, id string) {
		for _, s := range all {
			if s.Kind == kind && s.ID == id {
				return
			}
		}
		all = append(all, event.Subject{Kind: kind, ID: id})
	}
	for _, i := range o.items {
		add(event.SubjectProduct, string(i.Product))
	}
	for _, i := range o.items {
		add(event.SubjectShop, i.Seller)
	}
	if all == nil {
		add(event.SubjectShop, source)
	}
	return all
}

// properties are the payment as free properties of the order.
func (p payment) properties() json.RawMessage {
	p.Paid, p.Freight = cents(p.Paid), cents(p.Freight)
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and finite numbers only: row checks them
	}
	return b
}

func read(dir string) (*tables, error) {
	t := &tables{byID: map[event.OrderID]*order{}}
	type person struct {
		unique event.CustomerID
		state  string
	}
	people := map[string]person{}
	english := map[string]string{}
	category := map[string]string{}
	var err error
	file := func(name string, columns []string, each func(*row) error) {
		if err == nil {
			err = readFile(filepath.Join(dir, name+".csv"), columns, each)
		}
	}
	file("product_category_name_translation", []string{"product_category_name", "product_category_name_english"}, func(r *row) error {
		english[r.text(0)] = r.text(1)
		return nil
	})
	file("olist_products_dataset", []string{"product_id", "product_category_name"}, func(r *row) error {
		c := r.text(1)
		if e := english[c]; e != "" {
			c = e
		}
		category[r.text(0)] = c
		return nil
	})
	file("olist_customers_dataset", []string{"customer_id", "customer_unique_id", "customer_state"}, func(r *row) error {
		people[r.text(0)] = person{event.CustomerID(r.text(1)), r.text(2)}
		return nil
	})
	file("olist_orders_dataset", []string{"order_id", "customer_id", "order_status", "order_purchase_timestamp", "order_approved_at",
		"order_delivered_carrier_date", "order_delivered_customer_date", "order_estimated_delivery_date"}, func(r *row) error {
		who, ok := people[r.text(1)]
		if !ok {
			return fmt.Errorf("customer_id %q is not in the customers", r.text(1))
		}
		o := &order{
			id: event.OrderID(r.text(0)), customer: who.unique, state: who.state, status: r.text(2),
			purchased: r.time(3), approved: r.time(4), handedOver: r.time(5), delivered: r.time(6), estimated: r.time(7),
		}
		if o.purchased == 0 {
			return errors.New("order_purchase_timestamp is empty")
		}
		if t.byID[o.id] != nil {
			return fmt.Errorf("order_id %q came before", o.id)
		}
		t.byID[o.id] = o
		t.orders = append(t.orders, o)
		return nil
	})
	file("olist_order_items_dataset", []string{"order_id", "product_id", "seller_id", "price", "freight_value", "shipping_limit_date"}, func(r *row) error {
		o := t.byID[event.OrderID(r.text(0))]
		if o == nil {
			return fmt.Errorf("order_id %q is not in the orders", r.text(0))
		}
		o.shipBy = max(o.shipBy, r.time(5))
		o.freight += r.number(4)
		o.payment.Freight = o.freight
		item := event.Item{Product: event.ProductID(r.text(1)), Category: category[r.text(1)], Seller: r.text(2), Quantity: 1, Price: r.number(3)}
		for i := range o.items {
			if same := &o.items[i]; same.Product == item.Product && same.Seller == item.Seller && same.Price == item.Price {
				same.Quantity++
				return nil
			}
		}
		o.items = append(o.items, item)
		return nil
	})
	file("olist_order_payments_dataset", []string{"order_id", "payment_type", "payment_installments", "payment_value"}, func(r *row) error {
		o := t.byID[event.OrderID(r.text(0))]
		if o == nil {
			return fmt.Errorf("order_id %q is not in the orders", r.text(0))
		}
		o.payment.Types = append(o.payment.Types, r.text(1))
		o.payment.Installments = max(o.payment.Installments, int(r.number(2)))
		o.payment.Paid += r.number(3)
		return nil
	})
	file("olist_order_reviews_dataset", []string{"review_id", "order_id", "review_score", "review_comment_title", "review_comment_message",
		"review_creation_date", "review_answer_timestamp"}, func(r *row) error {
		v := &review{
			id: event.ReviewID(r.text(0)), order: event.OrderID(r.text(1)), score: r.number(2), title: r.text(3), text: r.text(4),
			created: r.time(5), answered: r.time(6),
		}
		if t.byID[v.order] == nil {
			return fmt.Errorf("order_id %q is not in the orders", v.order)
		}
		if v.created == 0 {
			return errors.New("review_creation_date is empty")
		}
		t.reviews = append(t.reviews, v)
		return nil
	})
	return t, err
}

// row gives the columns that were asked for, by their place in that list, and keeps the first thing that is wrong.
type row struct {
	fields  []string
	at      []int
	columns []string
	err     error
}

func (r *row) text(i int) string { return r.fields[r.at[i]] }

func (r *row) fail(i int, want string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s %q is no %s", r.columns[i], r.text(i), want)
	}
}

// time is 0 for an empty field.
func (r *row) time(i int) event.Time {
	s := r.text(i)
	if s == "" {
		return 0
	}
	t, err := time.Parse(time.DateTime, s)
	if err != nil {
		r.fail(i, "time like 2018-08-15 11:30:33")
	}
	return event.TimeOf(t)
}

func (r *row) number(i int) float64 {
	x, err := strconv.ParseFloat(r.text(i), 64)
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		r.fail(i, "number")
		return 0
	}
	return x
}

// readFile calls each with every row, with the columns asked for wherever they stand.
func readFile(path string, columns []string, each func(*row) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	name := filepath.Base(path)
	in := bufio.NewReader(f)
	if mark, _ := in.Peek(3); string(mark) == "\ufeff" {
		in.Discard(3)
	}
	lines := csv.NewReader(in)
	head, err := lines.Read()
	if err != nil {
		return fmt.Errorf("%s: read its header: %w", name, err)
	}
	r := &row{columns: columns}
	for _, c := range columns {
		at := -1
		for i, h := range head {
			if h == c {
				at = i
			}
		}
		if at < 0 {
			return fmt.Errorf("%s has no column %s", name, c)
		}
		r.at = append(r.at, at)
	}
	for {
		r.fields, err = lines.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		line, _ := lines.FieldPos(0)
		if err := each(r); err != nil {
			return fmt.Errorf("%s line %d: %w", name, line, err)
		}
		if r.err != nil {
			return fmt.Errorf("%s line %d: %w", name, line, r.err)
		}
	}
}
