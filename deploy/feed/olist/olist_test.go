package olist

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/afterclick/afterclick/deploy/feed/feedtest"
	"github.com/afterclick/afterclick/schemas/event"
)

// small is a folder of two orders with what makes the real one hard.
var small = map[string]string{
	"product_category_name_translation": "\ufeffproduct_category_name,product_category_name_english\r\nbrinquedos,toys\r\n",
	"olist_products_dataset":            "product_id,product_category_name,product_weight_g\np1,brinquedos,200\np2,,100\np3,sem_traducao,1\n",
	"olist_customers_dataset":           "customer_id,customer_unique_id,customer_zip_code_prefix,customer_city,customer_state\nc1,u1,01000,sao paulo,SP\nc2,u1,01000,sao paulo,RJ\n",
	"olist_orders_dataset": "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date\n" +
		"o1,c1,delivered,2018-01-01 10:00:00,2018-01-01 10:00:00,2017-12-31 23:00:00,2018-01-09 18:30:00,2018-01-08 00:00:00\n" +
		"o2,c2,unavailable,2018-01-02 10:00:00,2018-01-02 11:00:00,,,2018-01-20 00:00:00\n",
	"olist_order_items_dataset": "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\n" +
		"o1,1,p1,s1,2018-01-04 00:00:00,10.10,1.01\no1,2,p1,s1,2018-01-03 00:00:00,10.10,1.01\no1,3,p2,s2,2018-01-03 00:00:00,0.20,0.10\no1,4,p3,s2,2018-01-03 00:00:00,1,0\n",
	"olist_order_payments_dataset": "order_id,payment_sequential,payment_type,payment_installments,payment_value\no1,1,credit_card,3,20.00\no1,2,voucher,1,3.52\no2,1,boleto,1,50.00\n",
	"olist_order_reviews_dataset": "review_id,order_id,review_score,review_comment_title,review_comment_message,review_creation_date,review_answer_timestamp\n" +
		"r1,o1,2,,\"Chegou \"\"tarde\"\",\n\ne quebrado\",2018-01-05 00:00:00,2018-01-06 09:00:00\nr1,o2,5,,,2018-01-05 00:00:00,2018-01-06 09:00:00\n",
}

func folder(t *testing.T, change func(map[string]string)) string {
	files := map[string]string{}
	for name, content := range small {
		files[name] = content
	}
	if change != nil {
		change(files)
	}
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name+".csv"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestColumns(t *testing.T) {
	h, err := Open(folder(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := range h.Records() {
		got = append(got, r.Topic.String()+" "+string(r.Key)+" "+string(r.Value))
	}
	want := []string{
		`deliveries o1 {"id":"olist-handed_over-o1","type":"handed_over","time":"2017-12-31T23:00:00.000Z","source":"olist","order":"o1","country":"BR","region":"SP"}`,
		`orders o1 {"id":"olist-placed-o1","type":"placed","time":"2018-01-01T10:00:00.000Z","source":"olist","order":"o1","customer":"u1","channel":"web",` +
			`"items":[{"product":"p1","category":"toys","seller":"s1","quantity":2,"price":10.1},{"product":"p2","seller":"s2","quantity":1,"price":0.2},{"product":"p3","category":"sem_traducao","seller":"s2","quantity":1,"price":1}],` +
			`"total":23.52,"currency":"BRL","promise":"2018-01-08T00:00:00.000Z","ship_by":"2018-01-04T00:00:00.000Z","country":"BR","region":"SP","properties":{"payment_types":["credit_card","voucher"],"installments":3,"paid":23.52,"freight":2.12}}`,
		`orders o1 {"id":"olist-paid-o1","type":"paid","time":"2018-01-01T10:00:00.000Z","source":"olist","order":"o1","customer":"u1"}`,
		`orders o2 {"id":"olist-placed-o2","type":"placed","time":"2018-01-02T10:00:00.000Z","source":"olist","order":"o2","customer":"u1","channel":"web",` +
			`"total":50,"currency":"BRL","promise":"2018-01-20T00:00:00.000Z","country":"BR","region":"RJ","properties":{"payment_types":["boleto"],"installments":1,"paid":50}}`,
		`orders o2 {"id":"olist-paid-o2","type":"paid","time":"2018-01-02T11:00:00.000Z","source":"olist","order":"o2","customer":"u1"}`,
		`orders o2 {"id":"olist-cancelled-o2","type":"cancelled","time":"2018-01-02T11:00:00.000Z","source":"olist","order":"o2","customer":"u1","reason":"unavailable"}`,
		`reviews o1 {"id":"olist-posted-r1-o1","type":"posted","time":"2018-01-05T00:00:00.000Z","source":"olist","review":"r1","order":"o1","customer":"u1",` +
			`"subjects":[{"kind":"product","id":"p1"},{"kind":"product","id":"p2"},{"kind":"product","id":"p3"},{"kind":"shop","id":"s1"},{"kind":"shop","id":"s2"}],` +
			`"rating":2,"rating_min":1,"rating_max":5,"text":"Chegou \"tarde\",\n\ne quebrado","language":"pt"}`,
		`reviews o2 {"id":"olist-posted-r1-o2","type":"posted","time":"2018-01-05T00:00:00.000Z","source":"olist","review":"r1","order":"o2","customer":"u1",` +
			`"subjects":[{"kind":"shop","id":"olist"}],"rating":5,"rating_min":1,"rating_max":5}`,
		`reviews o1 {"id":"olist-answered-r1-o1","type":"answered","time":"2018-01-06T09:00:00.000Z","source":"olist","review":"r1","order":"o1"}`,
		`reviews o2 {"id":"olist-answered-r1-o2","type":"answered","time":"2018-01-06T09:00:00.000Z","source":"olist","review":"r1","order":"o2"}`,
		`deliveries o1 {"id":"olist-delivered-o1","type":"delivered","time":"2018-01-09T18:30:00.000Z","source":"olist","order":"o1","country":"BR","region":"SP"}`,
	}
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("record %d\n got %s\nwant %s", i, g, w)
		}
	}
	feedtest.Read(t, h.Records())
}

func TestBadFolders(t *testing.T) {
	for want, change := range map[string]func(map[string]string){
		"olist_orders_dataset.csv: no such file": func(f map[string]string) { delete(f, "olist_orders_dataset") },
		"olist_order_items_dataset.csv line 3: price \"ten\" is no number": func(f map[string]string) {
			f["olist_order_items_dataset"] = "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value\no1,1,p1,s1,,1,1\no1,1,p1,s1,,ten,1\n"
		},
		"line 4: order_purchase_timestamp \"2018\" is no time": func(f map[string]string) {
			f["olist_orders_dataset"] += "o3,c1,delivered,2018,,,,\n"
		},
		"order_id \"o9\" is not in the orders": func(f map[string]string) { f["olist_order_reviews_dataset"] += "r2,o9,1,,,2018-01-05 00:00:00,\n" },
		"has no column review_score":           func(f map[string]string) { f["olist_order_reviews_dataset"] = "review_id,order_id\n" },
		"came before":                          func(f map[string]string) { f["olist_orders_dataset"] += "o1,c1,delivered,2018-01-01 10:00:00,,,,\n" },
	} {
		_, err := Open(folder(t, change))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant: %s", err, want)
		}
	}
}

// Everything of the real files comes out, compared with the rows themselves.
func TestRealFiles(t *testing.T) {
	dir := feedtest.Data(t, "olist")
	h, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := feedtest.Read(t, h.Records())
	rows := func(name string) []map[string]string {
		f, err := os.Open(filepath.Join(dir, name+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var rows []map[string]string
		for _, l := range lines[1:] {
			row := map[string]string{}
			for i, c := range lines[0] {
				row[strings.TrimPrefix(c, "\ufeff")] = l[i]
			}
			rows = append(rows, row)
		}
		return rows
	}
	at := func(e *event.Event) string { return e.Header().Time.Time().Format("2006-01-02 15:04:05") }
	orders := map[event.OrderID]map[event.Type]*event.Event{}
	opinions := map[string]map[event.Type]*event.Event{} // by review and order
	records := 0
	for i := range all {
		e := &all[i]
		key, into := event.OrderID(""), orders
		switch e.Topic {
		case event.Orders:
			key = e.Order.Order
		case event.Deliveries:
			key = e.Delivery.Order
		case event.Reviews:
			k := string(e.Review.Review + "/" + event.ReviewID(e.Review.Order))
			if opinions[k] == nil {
				opinions[k] = map[event.Type]*event.Event{}
			}
			opinions[k][e.Header().Type] = e
			continue
		}
		if into[key] == nil {
			into[key] = map[event.Type]*event.Event{}
		}
		into[key][e.Header().Type] = e
	}
	person := map[string]map[string]string{}
	for _, c := range rows("olist_customers_dataset") {
		person[c["customer_id"]] = c
	}
	units := map[string]float64{}
	for _, i := range rows("olist_order_items_dataset") {
		units[i["order_id"]]++
	}
	orderRows := rows("olist_orders_dataset")
	for _, row := range orderRows {
		told := orders[event.OrderID(row["order_id"])]
		for column, typ := range map[string]event.Type{
			"order_purchase_timestamp": event.Placed, "order_approved_at": event.Paid,
			"order_delivered_carrier_date": event.HandedOver, "order_delivered_customer_date": event.Delivered,
		} {
			got := ""
			if e := told[typ]; e != nil {
				got = at(e)
				records++
			}
			if got != row[column] {
				t.Fatalf("order %s: %s at %q, want %q", row["order_id"], typ, got, row[column])
			}
		}
		if cancelled := told[event.Cancelled] != nil; cancelled != slices.Contains([]string{"canceled", "unavailable"}, row["order_status"]) {
			t.Errorf("order %s is %s, cancelled: %v", row["order_id"], row["order_status"], cancelled)
		} else if cancelled {
			records++
		}
		o := told[event.Placed].Order
		c := person[row["customer_id"]]
		if string(o.Customer) != c["customer_unique_id"] || o.Region != c["customer_state"] ||
			o.Promise.Time().Format("2006-01-02 15:04:05") != row["order_estimated_delivery_date"] {
			t.Errorf("order %s: %+v", row["order_id"], o)
		}
		sum := 0.0
		for _, i := range o.Items {
			sum += i.Quantity
		}
		if sum != units[row["order_id"]] {
			t.Errorf("order %s has %v units, want %v", row["order_id"], sum, units[row["order_id"]])
		}
	}
	reviewRows := rows("olist_order_reviews_dataset")
	score, want := 0.0, 0.0
	for _, row := range reviewRows {
		told := opinions[row["review_id"]+"/"+row["order_id"]]
		p := told[event.Posted]
		if p == nil || at(p) != row["review_creation_date"] || p.Review.Text != row["review_comment_message"] || p.Review.Title != row["review_comment_title"] {
			t.Fatalf("review %s: %+v", row["review_id"], p)
		}
		if a := told[event.Answered]; a == nil || at(a) != row["review_answer_timestamp"] {
			t.Fatalf("review %s is not answered as it should", row["review_id"])
		}
		records += 2
		score += p.Review.Rating
		want += float64(row["review_score"][0] - '0')
	}
	if math.Abs(score-want) > 1e-6 {
		t.Errorf("%v stars in all, want %v", score, want)
	}
	if len(orders) != len(orderRows) || len(opinions) != len(reviewRows) || h.Orders() != len(orderRows) || h.Reviews() != len(reviewRows) {
		t.Errorf("%d orders of %d, %d reviews of %d", len(orders), len(orderRows), len(opinions), len(reviewRows))
	}
	if records != len(all) || h.Len() != len(all) {
		t.Errorf("%d records follow from the rows, %d came", records, len(all))
	}
	t.Logf("%d orders, %d reviews, %d records", len(orders), len(opinions), len(all))
}
