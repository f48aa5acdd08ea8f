package queries_test

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/afterclick/afterclick/dashboards/queries"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestSQL holds what is asked where it can be reviewed.
func TestSQL(t *testing.T) {
	since, until := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC)
	payment := queries.FunnelStep{Where: []queries.Condition{{Field: "step", Is: []string{"payment"}}, {Field: "property.color", Like: "r%"}}}
	for name, sql := range map[string]func() (string, error){
		"funnel_clicks": queries.Funnel{Over: queries.Sessions, Since: since, Until: until, Within: time.Hour, By: "browser",
			Where: []queries.Condition{{Field: "country", Is: []string{"DE", "ES"}}}, Steps: []queries.FunnelStep{{Stage: "cart"}, payment, {Stage: "order", Within: time.Minute}}}.SQL,
		"funnel_strict": queries.Funnel{Over: queries.Visitors, Since: since, Until: until, Strict: true, Steps: []queries.FunnelStep{{Stage: "cart"}, payment}}.SQL,
		"funnel_visits": queries.Funnel{Over: queries.Visits, Since: since, Until: until, By: "device", Steps: []queries.FunnelStep{{Stage: "visit"}, {Stage: "order"}, {Stage: "deliver"}}}.SQL,
		"survival":      queries.Survival{From: "ship", To: "deliver", Since: since, Until: until, By: "carrier", Horizons: []time.Duration{72 * time.Hour}}.SQL,
	} {
		got, err := sql()
		if err != nil {
			t.Fatal(err)
		}
		file := "testdata/" + name + ".sql"
		if *update {
			if err := os.WriteFile(file, []byte(got+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || got+"\n" != string(want) {
			t.Errorf("%s differs (go test -update rewrites it): %v\n%s", file, err, got)
		}
	}
}
