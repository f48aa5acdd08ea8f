package otto

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/deploy/feed/feedtest"
	"github.com/afterclick/afterclick/schemas/event"
)

func TestSessions(t *testing.T) {
	h, err := read(strings.NewReader(`{"session":7,"events":[{"aid":1,"ts":1659304800000,"type":"clicks"},{"aid":1,"ts":1659304900000,"type":"carts"},` +
		`{"aid":1,"ts":1659305000000,"type":"orders"},{"aid":2,"ts":1659305000000,"type":"orders"},{"aid":3,"ts":1659305000001,"type":"orders"}]}` + "\n" +
		`{"session":8,"events":[{"aid":9,"ts":1659305000000,"type":"orders"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range feedtest.Read(t, h.Records()) {
		line := string(e.Header().Type) + " " + string(e.Header().ID)
		if c := e.Click; c != nil {
			line += " " + string(c.Visitor) + " " + string(c.Product) + " " + string(c.Order)
		} else {
			line += " " + string(e.Order.Visitor) + " " + string(e.Order.Order)
			for _, i := range e.Order.Items {
				line += " " + string(i.Product)
			}
		}
		got = append(got, strings.TrimSpace(line))
	}
	want := `product otto-7-0 otto-7 1
cart_added otto-7-1 otto-7 1
checkout_completed otto-7-2 otto-7 1 otto-7-1659305000000
checkout_completed otto-7-3 otto-7 2 otto-7-1659305000000
placed placed-otto-7-1659305000000 otto-7 otto-7-1659305000000 1 2
checkout_completed otto-8-0 otto-8 9 otto-8-1659305000000
placed placed-otto-8-1659305000000 otto-8 otto-8-1659305000000 9
checkout_completed otto-7-4 otto-7 3 otto-7-1659305000001
placed placed-otto-7-1659305000001 otto-7 otto-7-1659305000001 3`
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
}

func TestBadLines(t *testing.T) {
	for line, want := range map[string]string{
		`{"session":1,`: "line 2",
		`{"events":[]}`: "line 2 names no session",
		`{"session":1,"events":[{"aid":1,"ts":1659304800000,"type":"likes"}]}`: `type "likes"`,
		`{"session":1,"events":[{"aid":1,"ts":1659304800,"type":"clicks"}]}`:   "ts 1659304800 is no time in milliseconds",
	} {
		if _, err := read(strings.NewReader(`{"session":0,"events":[]}` + "\n" + line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v\nwant: %s", line, err, want)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was read")
	}
}

// Everything of the real file comes out, compared with its lines.
func TestRealFile(t *testing.T) {
	path := feedtest.Data(t, "otto", "train.jsonl")
	h, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	type deed struct {
		visitor event.VisitorID
		product event.ProductID
		at      event.Time
		typ     event.Type
	}
	got, orders, visitors := map[deed]int{}, map[event.OrderID]bool{}, map[event.VisitorID]bool{}
	clicks, placed := 0, 0
	for _, e := range feedtest.Read(t, h.Records()) {
		if e.Topic == event.Orders {
			placed++
			if orders[e.Order.Order] != true {
				t.Errorf("order %s was not completed before", e.Order.Order)
			}
			continue
		}
		clicks++
		visitors[e.Click.Visitor] = true
		got[deed{e.Click.Visitor, e.Click.Product, e.Click.Time, e.Click.Type}]++
		if e.Click.Order != "" {
			orders[e.Click.Order] = true
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, rows := 0, 0
	for in := bufio.NewReader(f); ; lines++ {
		line, err := in.ReadBytes('\n')
		if err != nil && len(line) == 0 {
			break
		}
		var s map[string]any
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		for _, x := range s["events"].([]any) {
			rows++
			e := x.(map[string]any)
			typ := map[string]event.Type{"clicks": event.Product, "carts": event.CartAdded, "orders": event.CheckoutCompleted}[e["type"].(string)]
			got[deed{event.VisitorID("otto-" + number(s["session"])), event.ProductID(number(e["aid"])), event.Time(e["ts"].(float64)), typ}]--
		}
	}
	for d, n := range got {
		if n != 0 {
			t.Errorf("%+v came %d times too often", d, n)
		}
	}
	if rows != clicks || lines != len(visitors) || placed != len(orders) || h.Len() != rows+placed {
		t.Errorf("%d clicks of %d, %d visitors of %d, %d orders of %d", clicks, rows, len(visitors), lines, placed, len(orders))
	}
	t.Logf("%d visitors, %d clicks, %d orders", len(visitors), clicks, placed)
}

func number(x any) string {
	b, _ := json.Marshal(int64(x.(float64)))
	return string(b)
}
