package view_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/migrate"
	"github.com/afterclick/afterclick/schemas/table"
	"github.com/afterclick/afterclick/schemas/writer"
)

// TestDatesPrune: a condition on the time that an analyst would write reads a part of the table, through the view and its FINAL.
func TestDatesPrune(t *testing.T) {
	conn, options := localtest.ClickHouse(t)
	ctx := context.Background()
	if _, err := migrate.Up(ctx, options); err != nil {
		t.Fatal(err)
	}
	w, err := writer.Open(writer.Config{Options: options})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	origin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	b := table.NewBatch()
	for i := range 100_000 { // 60 days
		at := event.TimeOf(origin.Add(time.Duration(i) * 52 * time.Second))
		visitor := event.VisitorID(fmt.Sprint("v", i*7919%100_000))
		b.Sessions.Append(&table.Session{Visitor: visitor, Start: at, End: at, Stage: table.Visit, Revision: 1})
		b.Events.Append(&table.Event{Header: event.Header{Time: at}, Kind: event.Clickstream, Status: table.Accepted, Visitor: visitor, Offset: int64(i), Revision: 1})
		month := event.Time(at.Time().Truncate(24*time.Hour).AddDate(0, 0, 1-at.Time().Day()).UnixMilli())
		b.Journeys.Append(&table.Journey{Month: month, Order: event.OrderID(fmt.Sprint("o", i)), Placed: at, Revision: 1})
	}
	for range 2 { // versions to merge
		if err := w.Insert(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	for query, most := range map[string]int{
		"SELECT count() FROM sessions WHERE start >= '2026-04-10' AND start < '2026-04-11'": 4,
		"SELECT count() FROM events WHERE time >= '2026-04-10' AND time < '2026-04-11'":     4,
		"SELECT count() FROM session_clicks(since = '2026-04-10', until = '2026-04-11')":    8,
		"SELECT sum(sessions) FROM drop_off WHERE day = '2026-04-10'":                       4,
		"SELECT sum(sessions) FROM paths WHERE day = '2026-04-10'":                          4,
		"SELECT count() FROM journeys WHERE month = '2026-04-01'":                           16,
		"SELECT count() FROM promises WHERE month = '2026-04-01'":                           16,
		"SELECT count() FROM returns WHERE month = '2026-04-01'":                            16,
	} {
		var plan []struct {
			Line string `ch:"explain"`
		}
		if err := conn.Select(ctx, &plan, "EXPLAIN indexes = 1 "+query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		var text strings.Builder
		for _, p := range plan {
			text.WriteString(p.Line + "\n")
		}
		// "Granules: 4/24" of the last index of each table read.
		read, all := 0, 0
		for _, one := range strings.Split(text.String(), "ReadFromMergeTree")[1:] {
			found := granules.FindAllStringSubmatch(one, -1)
			last, _ := strconv.Atoi(found[len(found)-1][1])
			first, _ := strconv.Atoi(found[0][2])
			read, all = read+last, all+first
		}
		if read == 0 || read > most || all <= most {
			t.Errorf("%s reads %d granules of %d:\n%s", query, read, all, text.String())
		}
	}
}

var granules = regexp.MustCompile(`Granules: (\d+)/(\d+)`)
