package event

import (
	"encoding/json"
	"testing"
)

// aClick is valid and has all that clicks usually have.
func aClick(t testing.TB) *Event {
	t.Helper()
	var c Click
	if err := json.Unmarshal(Examples(Clickstream)[CheckoutCompleted], &c); err != nil {
		t.Fatal(err)
	}
	c.Properties = nil
	return &Event{Topic: Clickstream, Click: &c}
}

func TestValidClickAllocatesNothing(t *testing.T) {
	e := aClick(t)
	if n := testing.AllocsPerRun(100, func() {
		if err := e.Validate(DefaultRules, e.Click.Time); err != nil {
			t.Fatal(err)
		}
		e.Normalize()
	}); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

// TestValidateEveryNumber: what JSON cannot say, a Go program can.
func TestValidateEveryNumber(t *testing.T) {
	zero := 0.0
	for _, v := range []float64{zero / zero, 1 / zero, -1 / zero, -1} {
		e := aClick(t)
		e.Click.Value = v
		if r, ok := e.Validate(DefaultRules, 0).(*Refusal); !ok || r.Field != "value" {
			t.Errorf("a value of %g: %v", v, r)
		}
		review := &Event{Topic: Reviews, Review: &Review{Header: e.Click.Header, Review: "r", Order: "o", Rating: v, RatingMax: 5}}
		review.Review.Type = Posted
		if r, ok := review.Validate(DefaultRules, 0).(*Refusal); !ok || r.Field != "rating" {
			t.Errorf("a rating of %g: %v", v, r)
		}
	}
}

func TestTouch(t *testing.T) {
	touch := Touch{Order: "o", Visitor: "v", Session: 1, Start: Earliest}
	for field, broken := range map[string]func(*Touch){
		"":        func(*Touch) {},
		"order":   func(x *Touch) { x.Order = "" },
		"visitor": func(x *Touch) { x.Visitor = "" },
		"session": func(x *Touch) { x.Session = 0 },
		"start":   func(x *Touch) { x.Start = 0 },
	} {
		x := touch
		broken(&x)
		err := (&Event{Topic: Touches, Touch: &x}).Validate(DefaultRules, 0)
		if r, ok := err.(*Refusal); (field != "") != ok || ok && r.Field != field {
			t.Errorf("without %q: %v", field, err)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	e := aClick(b)
	b.SetBytes(int64(len(Examples(Clickstream)[CheckoutCompleted])))
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Validate(DefaultRules, e.Click.Time); err != nil {
			b.Fatal(err)
		}
	}
}
