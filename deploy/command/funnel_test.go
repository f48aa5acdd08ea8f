package command

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/afterclick/afterclick/dashboards/queries"
)

func TestFunnelLine(t *testing.T) {
	f := funnelCommand{Over: "auto", By: "browser", Steps: []string{"cart", "step!=address,property.color=red<30m", "order<1.5d"}, Where: []string{"country=DE,ES"}, Within: "2d",
		Until: time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)}
	if err := f.Validate(); err != nil {
		t.Fatal(err)
	}
	want := queries.Funnel{Over: queries.Sessions, By: "browser", Within: 48 * time.Hour, Since: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Until: f.Until,
		Where: []queries.Condition{{Field: "country", Is: []string{"DE", "ES"}}}, Steps: []queries.FunnelStep{{Name: "cart", Stage: "cart"},
			{Name: "step!=address,property.color=red<30m", Within: 30 * time.Minute, Where: []queries.Condition{{Field: "step", Is: []string{"address"}, Not: true},
				{Field: "property.color", Is: []string{"red"}}}},
			{Name: "order<1.5d", Stage: "order", Within: 36 * time.Hour}}}
	if !reflect.DeepEqual(f.funnel, want) {
		t.Errorf("got  %+v\nwant %+v", f.funnel, want)
	}
	for what, f := range map[string]funnelCommand{
		"is no time":        {Steps: []string{"cart<soon"}},
		"must be NAME=":     {Steps: []string{"=x"}},
		"is no time: it":    {Steps: []string{"cart"}, Within: "-1h"},
		"add --over":        {Over: "visits", Steps: []string{"cart", "order"}, Mature: []string{"1d"}},
		"two steps":         {Over: "journeys", Steps: []string{"order"}, Mature: []string{"1d"}},
		"\"country\": must": {Steps: []string{"cart"}, Where: []string{"country"}},
	} {
		if err := f.Validate(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%+v: %v, want %q", f, err, what)
		}
	}
	for seconds, want := range map[float64]string{0: "0s", 59: "59s", 60: "1m", 90: "1.5m", 5400: "1.5h", 86400: "1d", 1209600: "14d"} {
		if got := lasting(seconds); got != want {
			t.Errorf("lasting(%v) = %s, want %s", seconds, got, want)
		}
	}
}
