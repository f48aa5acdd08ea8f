package spell

import "testing"

func TestDidYouMean(t *testing.T) {
	words := []string{"order", "orders", "customer"}
	for word, want := range map[string]string{"ordre": "; did you mean order?", "custmer": "; did you mean customer?", "orderss": "; did you mean orders?", "xyz": "", "": ""} {
		if got := DidYouMean(words, word); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
	if d := Distance("kitten", "sitting"); d != 3 {
		t.Errorf("kitten, sitting: %d", d)
	}
}
