package local

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

// typed is a column type with values to send and to get back.
type typed struct {
	name   string
	values any // a slice for Column.Append
}

func types() []typed {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	at := time.Date(2026, 3, 1, 10, 11, 12, 345e6, time.UTC)
	id := uuid.MustParse("61f0c404-5cb3-11e7-907b-a6006ad3dba0")
	text := func(s string) *string { return &s }
	return []typed{
		{"String", []string{"a", "", "ünï\x00ß"}},
		{"LowCardinality(String)", []string{"x", "y", "x"}},
		{"LowCardinality(Nullable(String))", []*string{text("x"), nil, text("")}},
		{"Nullable(String)", []*string{text("x"), nil, text("")}},
		{"Nullable(Float64)", []*float64{new(float64), nil, new(float64)}},
		{"UInt8", []uint8{0, 1, 255}},
		{"UInt16", []uint16{0, 1, 65535}},
		{"UInt32", []uint32{0, 1, 1<<32 - 1}},
		{"UInt64", []uint64{0, 1, 1<<64 - 1}},
		{"Int8", []int8{-128, 0, 127}},
		{"Int16", []int16{-1, 0, 1}},
		{"Int32", []int32{-1, 0, 1}},
		{"Int64", []int64{-1 << 63, 0, 1<<63 - 1}},
		{"Float32", []float32{-1.5, 0, 1.5}},
		{"Float64", []float64{-1.5, 0, 1e300}},
		{"Decimal(18, 4)", []decimal.Decimal{decimal.RequireFromString("-1.2345"), decimal.RequireFromString("0"), decimal.RequireFromString("12345678901234.5678")}},
		{"DateTime", []time.Time{day, day.Add(time.Second), day.Add(time.Hour)}},
		{"DateTime('UTC')", []time.Time{day, day.Add(time.Second), day.Add(time.Hour)}},
		{"DateTime64(3, 'UTC')", []time.Time{at, at.Add(time.Millisecond), day}},
		{"Date", []time.Time{day, day.AddDate(0, 0, 1), day.AddDate(1, 0, 0)}},
		{"Enum8('a' = 1, 'b(,' = 2)", []string{"a", "b(,", "a"}},
		{"Array(String)", [][]string{{"a", "b"}, {}, {""}}},
		{"Array(LowCardinality(String))", [][]string{{"a", "b"}, {}, {"a"}}},
		{"Array(UInt64)", [][]uint64{{1, 2, 3}, {}, {1 << 63}}},
		{"Array(Array(Nullable(String)))", [][][]*string{{{text("a"), nil}, {}}, {}, {{}}}},
		{"Map(String, String)", []map[string]string{{"a": "1"}, {}, {"b": "2", "c": ""}}},
		{"Map(LowCardinality(String), Array(UInt32))", []map[string][]uint32{{"a": {1}}, {}, {"b": {}}}},
		{"Bool", []bool{true, false, true}},
		{"FixedString(3)", []string{"abc", "def", "\x00\x00\x00"}},
		{"UUID", []uuid.UUID{id, {}, id}},
		{"Tuple(String, UInt8)", []any{[]any{"a", uint8(1)}, []any{"", uint8(0)}, []any{"b", uint8(2)}}},
		{"Tuple(n String, at DateTime64(3, 'UTC'), tags Array(LowCardinality(String)))", []any{
			map[string]any{"n": "a", "at": at, "tags": []string{"x"}},
			map[string]any{"n": "", "at": day, "tags": []string{}},
			map[string]any{"n": "b", "at": at, "tags": []string{"x", "y"}}}},
	}
}

// TestTypes sends every column type that we use through clickhouse-go and back, under every compression that
// clickhouse-go can ask for.
func TestTypes(t *testing.T) {
	for _, compression := range []*clickhouse.Compression{nil,
		{Method: clickhouse.CompressionLZ4}, {Method: clickhouse.CompressionZSTD, Level: 3},
		{Method: clickhouse.CompressionGZIP, Level: 1}, {Method: clickhouse.CompressionDeflate, Level: 1}} {
		name := "none"
		settings := clickhouse.Settings{}
		if compression != nil {
			name = compression.Method.String()
			settings["enable_http_compression"] = 1
		}
		t.Run(name, func(t *testing.T) {
			conn, _ := connect(t, func(o *clickhouse.Options) { o.Compression, o.Settings = compression, settings })
			ctx := context.Background()
			var columns []string
			for i, ty := range types() {
				columns = append(columns, fmt.Sprintf("c%d %s", i, ty.name))
			}
			if err := conn.Exec(ctx, "CREATE TABLE t ("+strings.Join(columns, ", ")+") ENGINE = MergeTree ORDER BY tuple()"); err != nil {
				t.Fatal(err)
			}
			batch, err := conn.PrepareBatch(ctx, "INSERT INTO t")
			if err != nil {
				t.Fatal(err)
			}
			for i, ty := range types() {
				if rows, ok := ty.values.([]any); ok {
					for _, row := range rows {
						if err := batch.Column(i).AppendRow(row); err != nil {
							t.Fatalf("%s: %v", ty.name, err)
						}
					}
				} else if err := batch.Column(i).Append(ty.values); err != nil {
					t.Fatalf("%s: %v", ty.name, err)
				}
			}
			if err := batch.Send(); err != nil {
				t.Fatal(err)
			}
			rows, err := conn.Query(ctx, "SELECT * FROM t")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			n := 0
			for ; rows.Next(); n++ {
				var targets []any
				for _, column := range rows.ColumnTypes() {
					targets = append(targets, reflect.New(column.ScanType()).Interface())
				}
				if err := rows.Scan(targets...); err != nil {
					t.Fatal(err)
				}
				for i, ty := range types() {
					want := reflect.ValueOf(ty.values).Index(n).Interface()
					got := reflect.ValueOf(targets[i]).Elem().Interface()
					if !same(got, want) {
						t.Errorf("%s, row %d: got %#v, want %#v", ty.name, n, got, want)
					}
				}
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			if n != 3 {
				t.Fatalf("got %d rows", n)
			}
		})
	}
}

func same(got, want any) bool {
	switch w := want.(type) {
	case time.Time:
		g, ok := got.(time.Time)
		return ok && g.Equal(w)
	case decimal.Decimal:
		g, ok := got.(decimal.Decimal)
		return ok && g.Equal(w)
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for k, v := range w {
			if !same(g[k], v) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(got, want)
}

// TestManyBlocks reads and writes results of more than one block, where every dictionary begins anew.
func TestManyBlocks(t *testing.T) {
	conn, _ := connect(t, nil)
	ctx := context.Background()
	if err := conn.Exec(ctx, "CREATE TABLE t (n UInt64, s String, l LowCardinality(String), a Array(LowCardinality(String))) ENGINE = MergeTree ORDER BY n"); err != nil {
		t.Fatal(err)
	}
	const rows = 300_000
	if err := conn.Exec(ctx, fmt.Sprintf("INSERT INTO t SELECT number, toString(number), toString(number %% 1000), if(number %% 3 = 0, [], [toString(number %% 7)]) FROM numbers(%d)", rows)); err != nil {
		t.Fatal(err)
	}
	result, err := conn.Query(ctx, "SELECT n, s, l, a FROM t ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close()
	var n uint64
	for ; result.Next(); n++ {
		var number uint64
		var s, l string
		var a []string
		if err := result.Scan(&number, &s, &l, &a); err != nil {
			t.Fatal(err)
		}
		if number != n || s != fmt.Sprint(n) || l != fmt.Sprint(n%1000) || (n%3 == 0) != (len(a) == 0) {
			t.Fatalf("row %d: %d %q %q %q", n, number, s, l, a)
		}
	}
	if result.Err() != nil || n != rows {
		t.Fatalf("%d rows, %v", n, result.Err())
	}
}

func TestDriverParametersAndErrors(t *testing.T) {
	conn, _ := connect(t, func(o *clickhouse.Options) { o.Settings = clickhouse.Settings{"max_block_size": 1000} })
	ctx := clickhouse.Context(context.Background(), clickhouse.WithParameters(clickhouse.Parameters{
		"n": "7", "s": `it's a \ "quote"`, "list": "['a','b']",
	}))
	var n uint64
	var s string
	var list []string
	if err := conn.QueryRow(ctx, "SELECT {n:UInt64}, {s:String}, {list:Array(String)}").Scan(&n, &s, &list); err != nil {
		t.Fatal(err)
	}
	if n != 7 || s != `it's a \ "quote"` || len(list) != 2 {
		t.Errorf("got %d %q %q", n, s, list)
	}
	if err := conn.QueryRow(ctx, "SELECT toUInt64(getSetting('max_block_size'))").Scan(&n); err != nil || n != 1000 {
		t.Errorf("max_block_size = %d, %v", n, err)
	}
	var exception *clickhouse.Exception
	if err := conn.Exec(ctx, "SELECT * FROM missing"); !errors.As(err, &exception) || exception.Code != 60 {
		t.Errorf("got %v", err)
	}
	if err := conn.Exec(clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"no_such_thing": 1})), "SELECT 1"); !errors.As(err, &exception) || exception.Code != 115 {
		t.Errorf("got %v", err)
	}
	// An error in the middle of a stream that has begun.
	rows, err := conn.Query(ctx, "SELECT number, throwIf(number = 2500000) FROM numbers(3000000) SETTINGS max_block_size = 65536, max_threads = 1")
	if err == nil {
		for rows.Next() {
		}
		err = rows.Err()
	}
	if !errors.As(err, &exception) || exception.Code != 395 {
		t.Errorf("an error in the middle of a result: got %v", err)
	}
	if err := conn.Ping(ctx); err != nil {
		t.Errorf("after the errors: %v", err)
	}
	var empty uint64
	result, err := conn.Query(ctx, "SELECT number FROM numbers(10) WHERE number > 10")
	if err != nil {
		t.Fatal(err)
	}
	for result.Next() {
		empty++
	}
	if empty != 0 || result.Err() != nil {
		t.Errorf("an empty result: %d rows, %v", empty, result.Err())
	}
}
