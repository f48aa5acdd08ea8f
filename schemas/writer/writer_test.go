package writer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/migrate"
	"github.com/afterclick/afterclick/schemas/table"
	"github.com/afterclick/afterclick/schemas/writer"
)

func migrated(t *testing.T) (clickhouse.Conn, clickhouse.Options) {
	t.Helper()
	conn, options := localtest.ClickHouse(t)
	if _, err := migrate.Up(context.Background(), options); err != nil {
		t.Fatal(err)
	}
	return conn, options
}

func open(t *testing.T, c writer.Config) *writer.Writer {
	t.Helper()
	w, err := writer.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

var day = event.TimeOf(time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC))

// sample has rows in every table; revision is theirs.
func sample(revision uint64) *table.Batch {
	b := table.NewBatch()
	for i := range 1000 {
		b.Events.Append(&table.Event{
			Topic: "clicks", Partition: int32(i % 3), Offset: int64(i), SourceTime: day, Status: table.Accepted, Kind: event.Clickstream,
			Header:  event.Header{ID: event.ID(fmt.Sprint("e", i)), Type: event.Page, Time: day.Add(time.Duration(i) * time.Second), Source: "web"},
			Visitor: "v1", Body: []byte(`{"id":"x","properties":{"color":"réd","n":` + fmt.Sprint(i) + `}}`), Revision: revision,
		})
	}
	b.Sessions.Append(&table.Session{Visitor: "v1", Start: day, ID: 7, End: day.Add(500 * time.Second), Stage: table.Cart, Cart: day.Add(time.Minute),
		Orders: []event.OrderID{"o1", "o2"}, Channel: "search", Bot: true, Events: uint32(revision), Revision: revision})
	b.Sessions.Append(&table.Session{Visitor: "gone", Start: day, ID: 8, Revision: revision, IsDeleted: true})
	b.Identities.Append(&table.Identity{Visitor: "v1", Start: day, From: day, To: day.Add(time.Hour), Customer: "c1", Revision: revision})
	month := event.TimeOf(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	b.Journeys.Append(&table.Journey{Month: month, Order: "o1", Stage: table.Delivered, Placed: day, PromiseFirst: day.Add(24 * time.Hour), Delivered: day.Add(48 * time.Hour),
		Items:   []event.Item{{Product: "p1", Category: "shoes", Quantity: 2, Price: 9.5}, {Product: "p2"}},
		Touches: []table.Touch{{Session: 7, Visitor: "v1", Start: day, Channel: "search"}}, Total: 19, Events: uint32(revision), Revision: revision})
	b.Reviews.Append(&table.Review{Month: month, Order: "o1", Review: "r1", Kind: "review", Posted: day, Complained: day, Stars: 1, Sentiment: table.Negative, Promise: table.PromiseBroken,
		Subjects: []event.Subject{{Kind: "product", ID: "p1"}, {Kind: "carrier", ID: "dhl"}}, Text: "zu spät", Verified: true, Revision: revision})
	b.DeadLetters.Append(&table.DeadLetter{Topic: "clicks", Partition: 1, Offset: 9, SourceTime: day, Reason: "bad_json", Detail: "no", Body: []byte("{\x00\xff"), Size: 3})
	return b
}

// contents are all rows that analysts see, one line each.
func contents(t *testing.T, conn clickhouse.Conn) string {
	t.Helper()
	var out strings.Builder
	for _, s := range table.Schemas() {
		if s.Internal {
			continue
		}
		var rows []struct {
			Row string `ch:"row"`
		}
		if err := conn.Select(context.Background(), &rows, "SELECT toString(tuple(*)) AS row FROM "+s.Name+" ORDER BY row"); err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		for _, r := range rows {
			fmt.Fprintf(&out, "%s %s\n", s.Name, r.Row)
		}
	}
	return out.String()
}

// TestInsert: what goes in can be read in the views; the same again, or an older revision, changes nothing.
func TestInsert(t *testing.T) {
	conn, options := migrated(t)
	w := open(t, writer.Config{Options: options})
	ctx := context.Background()
	if err := w.Insert(ctx, sample(2)); err != nil {
		t.Fatal(err)
	}
	first := contents(t, conn)
	if n := strings.Count(first, "\n"); n != 1005 {
		t.Errorf("%d rows", n)
	}
	for _, again := range []uint64{2, 1, 2} {
		if err := w.Insert(ctx, sample(again)); err != nil {
			t.Fatal(err)
		}
		if contents(t, conn) != first {
			t.Errorf("revision %d again changed the tables", again)
		}
	}
	if err := w.Insert(ctx, sample(3)); err != nil {
		t.Fatal(err)
	}
	if contents(t, conn) == first {
		t.Error("a newer revision changed nothing")
	}
	for query, want := range map[string]string{
		"SELECT toString(count()) FROM events":                                                            "1000",
		"SELECT toString(count()) FROM sessions":                                                          "1",
		"SELECT toString((visitor, start, stage, cart, view, orders, bot, events)) FROM sessions":         "('v1','2026-03-14 09:26:53.000','cart','2026-03-14 09:27:53.000',NULL,['o1','o2'],true,3)",
		"SELECT toString((`items.product`, `items.quantity`, `touches.session`, returned)) FROM journeys": "(['p1','p2'],[2,0],[7],NULL)",
		"SELECT toString((subjects.id, sentiment, text)) FROM reviews":                                    "(['p1','dhl'],'negative','zu spät')",
		"SELECT hex(body) FROM dead_letters":                                                              "7B00FF",
		"SELECT toString(sum(JSONExtractUInt(properties, 'n'))) FROM events":                              "499500",
		"SELECT any(JSONExtractString(properties, 'color')) FROM events":                                  "réd",
		"SELECT toString((countIf(session = 7), countIf(session IS NULL), uniq(session_start))) FROM session_clicks(since = '2026-03-14', until = '2026-03-15 00:00:00')": "(501,499,1)",
		"SELECT toString((customer, known)) FROM known_sessions":                                                        "('c1','later')",
		"SELECT toString((state, days_late)) FROM promises":                                                             "('broken',1)",
		"SELECT toString((review, state)) FROM cases":                                                                   "('r1','ignored')",
		"SELECT toString(arraySort(groupArray((cell, scope, at)))) FROM (SELECT DISTINCT cell, scope, at FROM touched)": "[('delivery','bucket','2026-03-14 09:15:00.000'),('delivery','month','2026-03-01 00:00:00.000'),('funnel','bucket','2026-03-14 09:15:00.000'),('reputation','bucket','2026-03-14 09:15:00.000'),('reputation','month','2026-03-01 00:00:00.000')]",
	} {
		var got string
		if err := conn.QueryRow(ctx, query).Scan(&got); err != nil || got != want {
			t.Errorf("%s\n got %s, %v\nwant %s", query, got, err, want)
		}
	}
	if c := w.Counts(); c.Inserts != 5*7 || c.Retries != 0 || c.Refusals != 0 || c.Rows < 5*1006 || !c.FailingSince.IsZero() {
		t.Errorf("%+v", c)
	}
}

// TestOutage: a proxy in front of ClickHouse fails in every way, also after the rows arrived; all rows are there once in the end.
func TestOutage(t *testing.T) {
	conn, options := migrated(t)
	target, _ := url.Parse("http://" + options.Addr[0])
	forward := httputil.NewSingleHostReverseProxy(target)
	var requests atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.Query().Get("query"), "INSERT") {
			forward.ServeHTTP(rw, r)
			return
		}
		switch requests.Add(1) % 6 {
		case 1: // away
			panic(http.ErrAbortHandler)
		case 2: // overloaded
			io.Copy(io.Discard, r.Body)
			rw.Header().Set("X-ClickHouse-Exception-Code", "252")
			rw.WriteHeader(500)
			io.WriteString(rw, "Code: 252. DB::Exception: Too many parts. (TOO_MANY_PARTS)")
		case 3: // it arrives, the answer does not
			forward.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case 4: // read-only for a while
			rw.Header().Set("X-ClickHouse-Exception-Code", "242")
			rw.WriteHeader(500)
			io.WriteString(rw, "Code: 242. DB::Exception: Table is in readonly mode. (TABLE_IS_READ_ONLY)")
		default:
			forward.ServeHTTP(rw, r)
		}
	}))
	proxy.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	defer proxy.Close()
	options.Addr = []string{strings.TrimPrefix(proxy.URL, "http://")}
	var log bytes.Buffer
	w := open(t, writer.Config{Options: options, BackoffMin: time.Millisecond, BackoffMax: 5 * time.Millisecond, Parallel: 1,
		Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := w.Insert(ctx, sample(1)); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(contents(t, conn), "\n"); n != 1005 {
		t.Errorf("%d rows", n)
	}
	if c := w.Counts(); c.Retries < 4 || c.Refusals != 0 || !c.FailingSince.IsZero() {
		t.Errorf("%+v", c)
	}
	if !strings.Contains(log.String(), "trying again") || !strings.Contains(log.String(), "takes rows again") {
		t.Errorf("the log says %s", log.String())
	}
}

// TestAway: nobody listens. Insert waits as long as its context lives, the log is told once, no secret in it.
func TestAway(t *testing.T) {
	options, err := writer.Options("http://alice:S3cret@127.0.0.1:1/shop")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	w := open(t, writer.Config{Options: options, BackoffMin: time.Millisecond, BackoffMax: 2 * time.Millisecond, Parallel: 1,
		Logger: slog.New(slog.NewTextHandler(&log, nil))})
	why := errors.New("stopping")
	ctx, cancel := context.WithTimeoutCause(context.Background(), 200*time.Millisecond, why)
	defer cancel()
	err = w.Insert(ctx, sample(1))
	if !errors.Is(err, why) || errors.Is(err, writer.ErrRefused) {
		t.Errorf("got %v", err)
	}
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d log lines: %s", n, log.String())
	}
	if c := w.Counts(); c.Retries < 5 || c.FailingSince.IsZero() {
		t.Errorf("%+v", c)
	}
	if strings.Contains(log.String()+err.Error(), "S3cret") {
		t.Errorf("the password is told: %s %v", log.String(), err)
	}
}

// TestRefusal: what cannot get better comes back at once and says what to do.
func TestRefusal(t *testing.T) {
	conn, options := migrated(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	says := func(w *writer.Writer, advice string) {
		t.Helper()
		err := w.Insert(ctx, sample(1))
		if !errors.Is(err, writer.ErrRefused) || !strings.Contains(err.Error(), advice) {
			t.Errorf("got %v", err)
		}
		if w.Counts().Refusals == 0 {
			t.Error("no refusal counted")
		}
	}
	w := open(t, writer.Config{Options: options})
	if err := conn.Exec(ctx, "ALTER TABLE stored_reviews DROP COLUMN text"); err != nil {
		t.Fatal(err)
	}
	says(w, "afterclick migrate")
	if err := conn.Exec(ctx, "DROP TABLE stored_sessions SYNC"); err != nil {
		t.Fatal(err)
	}
	says(w, "afterclick migrate")

	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	options.Addr = []string{strings.TrimPrefix(page.URL, "http://")}
	says(open(t, writer.Config{Options: options}), "does not answer like ClickHouse")

	login := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("X-ClickHouse-Exception-Code", "516")
		rw.WriteHeader(403)
		io.WriteString(rw, "Code: 516. DB::Exception: alice: Authentication failed. (AUTHENTICATION_FAILED)")
	}))
	defer login.Close()
	options.Addr = []string{strings.TrimPrefix(login.URL, "http://")}
	says(open(t, writer.Config{Options: options}), "user and password")
}

func TestOptions(t *testing.T) {
	for _, address := range []string{"clickhouse://u:S3cret@h:%zz/d", "http://u:S3cret@h:99999999/d?dial_timeout=x"} {
		if _, err := writer.Options(address); err == nil || strings.Contains(err.Error(), "S3cret") {
			t.Errorf("%s: %v", address, err)
		}
	}
	o, err := writer.Options("h:9000/d")
	if err != nil || o.Protocol != clickhouse.Native || o.Auth.Database != "d" || o.Addr[0] != "h:9000" {
		t.Errorf("%+v, %v", o, err)
	}
}

// TestBatches: the native protocol's way to insert, by clickhouse-go's batches, gives the same rows. The engine at hand speaks HTTP
// only, over which clickhouse-go's batches work, too.
func TestBatches(t *testing.T) {
	var got [2]string
	for i := range got {
		conn, options := migrated(t)
		w := open(t, writer.Config{Options: options})
		if i == 1 {
			w.AsNative()
		}
		if err := w.Insert(context.Background(), sample(1)); err != nil {
			t.Fatal(err)
		}
		got[i] = contents(t, conn)
	}
	if got[0] != got[1] || strings.Count(got[0], "\n") != 1005 {
		t.Errorf("%d bytes and %d bytes", len(got[0]), len(got[1]))
	}
}
