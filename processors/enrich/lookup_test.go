package enrich

import "testing"

func TestGeneration(t *testing.T) {
	for year, want := range map[int]string{-1: Unknown, 0: Unknown, 1900: Unknown, 1901: "greatest", 1927: "greatest", 1928: "silent", 1945: "silent",
		1946: "boomer", 1964: "boomer", 1965: "gen_x", 1980: "gen_x", 1981: "millennial", 1996: "millennial", 1997: "gen_z", 2012: "gen_z",
		2013: "alpha", 2024: "alpha", 2025: Unknown, 19800: Unknown} {
		if got := Generation(year); got != want {
			t.Errorf("%d is %s, want %s", year, got, want)
		}
	}
}

func TestNothingIsKnown(t *testing.T) {
	var l Lookups = Currency("EUR")
	if p := ProductOf(l, "p"); p != (Product{Category: Unknown, Brand: Unknown}) {
		t.Errorf("a product is %+v", p)
	}
	if c := CustomerOf(l, "ann"); c != (Customer{Segment: Unknown, Generation: Unknown, HomeCountry: Unknown}) {
		t.Errorf("a customer is %+v", c)
	}
	for currency, want := range map[string]float64{"EUR": 1, "USD": 0, "": 0} {
		if v, ok := l.Rate(currency, 0); v != want || ok != (want != 0) {
			t.Errorf("a %q is worth %v %v", currency, v, ok)
		}
	}
	if c := CustomerOf(l, ""); c != (Customer{}) {
		t.Errorf("nobody is %+v", c)
	}
}
