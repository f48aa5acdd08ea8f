package enrich

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestAgent(t *testing.T) {
	as := NewAgents(100)
	f := func(ua, device, os, browser string) {
		t.Helper()
		a := as.Agent(ua)
		if a.Device != device || a.OS != os || a.Browser != browser || a.Bot != (device == Bot) {
			t.Errorf("%s\n  got  %+v\n  want %s %s %s", ua, a, device, os, browser)
		}
		if again := as.Agent(ua); again != a {
			t.Errorf("%s: remembered as %+v", ua, again)
		}
		if u := Unpack(a.Packed); u != a {
			t.Errorf("%s: unpacks to %+v", ua, u)
		}
	}
	f("", Unknown, Unknown, Unknown)
	raw, err := os.ReadFile("testdata/agents.tsv")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(raw)) {
		if !strings.HasPrefix(line, "#") {
			w := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 4)
			f(w[3], w[0], w[1], w[2])
			n++
		}
	}
	if n < 70 {
		t.Errorf("only %d agents are listed", n)
	}
}

func TestAgentsForget(t *testing.T) {
	as := NewAgents(10)
	for i := range 1000 {
		as.Agent(fmt.Sprint("agent ", i))
	}
	if n := len(as.known.young) + len(as.known.old); n > 10 {
		t.Errorf("%d agents are remembered, at most 10 should be", n)
	}
}

func TestVisit(t *testing.T) {
	f := func(url, referrer, path, channel, from, campaign, source string) {
		t.Helper()
		p, e := Visit(url, referrer)
		if want := (Entry{channel, from, campaign, source}); p != path || e != want {
			t.Errorf("%s from %s\n  got  %s %+v\n  want %s %+v", url, referrer, p, e, path, want)
		}
		if u := UnpackEntry(string(e.Pack(nil))); e != (Entry{}) && u != e {
			t.Errorf("%+v unpacks to %+v", e, u)
		}
	}
	const shop = "https://www.shop.example"
	f("", "", "", "", "", "", "")
	f(shop, "", "/", Direct, "", "", "")
	f(shop+"/p/42?color=red#top", "", "/p/42", Direct, "", "", "")
	f("/p/42?x=1", "", "/p/42", Direct, "", "", "")
	f(shop+"/#/app?x", "", "/", Direct, "", "", "")
	// From within, and back from a payment.
	f(shop+"/cart", shop+"/p/42", "/cart", "", "", "", "")
	f(shop+"/cart", "https://checkout.shop.example:8443/x", "/cart", "", "", "", "")
	f(shop+"/thanks", "https://www.paypal.com/pay", "/thanks", "", "", "", "")
	f("/cart", "https://www.shop.example/", "/cart", "", "", "", "") // no telling whose it is
	// From others.
	f(shop+"/", "https://www.google.co.uk/", "/", Search, "google.co.uk", "", "google")
	f(shop+"/", "https://www.bing.com/search?q=x", "/", Search, "bing.com", "", "bing")
	f(shop+"/", "https://mail.google.com/mail", "/", Email, "mail.google.com", "", "google")
	f(shop+"/", "https://t.co/abc", "/", Social, "t.co", "", "t.co")
	f(shop+"/", "https://L.Facebook.com/", "/", Social, "l.facebook.com", "", "facebook")
	f(shop+"/", "https://www.idealo.de/preis", "/", PriceComparison, "idealo.de", "", "idealo")
	f(shop+"/", "https://de.trustpilot.com/review/shop", "/", ReviewSite, "de.trustpilot.com", "", "trustpilot")
	f(shop+"/", "https://blog.example.org/best-shops", "/", Referral, "blog.example.org", "", "example.org")
	f(shop+"/", "https://google.evil.com/", "/", Referral, "google.evil.com", "", "evil.com")
	f("/p", "https://www.google.com/", "/p", Search, "google.com", "", "google")
	// Tagged.
	f(shop+"/?utm_source=google&utm_medium=cpc&utm_campaign=spring+sale", "https://www.google.com/", "/", Ads, "google.com", "spring sale", "google")
	f(shop+"/?utm_medium=Email&utm_campaign=n%C3%BA1", "", "/", Email, "", "nú1", "")
	f(shop+"/?utm_medium=paid_social", "", "/", Ads, "", "", "")
	f(shop+"/?gclid=abc", "https://www.google.com/", "/", Ads, "google.com", "", "google")
	f(shop+"/?utm_source=newsletter", "", "/", Email, "", "", "newsletter")
	f(shop+"/?utm_source=facebook", "", "/", Social, "", "", "facebook")
	f(shop+"/?utm_campaign=x", "", "/", Unknown, "", "x", "")
	f(shop+"/?utm_campaign=x", "https://www.bing.com/", "/", Search, "bing.com", "x", "bing")
	f(shop+"/?utm_campaign=a%1Fb%00c", "", "/", Unknown, "", "abc", "")
	f(shop+"/?utm_source=&utm_medium=", "", "/", Direct, "", "", "")
	f(shop+"/?utm_source=Flyer&utm_medium=qr", "", "/", Unknown, "", "", "flyer")
	f(shop+"/?utm_source=facebook&utm_medium=organic", "", "/", Social, "", "", "facebook")
	f(shop+"/?utm_medium=sms", "", "/", Message, "", "", "")
	f(shop+"/?utm_medium=cpa&gclid=x", "", "/", Ads, "", "", "google")
	f(shop+"/?utm_id=7&msclkid=x", "", "/", Ads, "", "", "bing")
	// Click ids.
	f(shop+"/p?color=red&fbclid=IwAR0", "https://l.instagram.com/", "/p", Social, "l.instagram.com", "", "facebook")
	f(shop+"/p?ttclid=E.C.P", "", "/p", Ads, "", "", "tiktok")
	f(shop+"/p?mc_eid=1", "", "/p", Email, "", "", "mailchimp")
	f(shop+"/p?awc=1_2", "https://www.awin1.com/", "/p", Affiliate, "awin1.com", "", "awin")
	f(shop+"/p?srsltid=x", "https://www.google.com/", "/p", PriceComparison, "google.com", "", "google")
	f(shop+"/p?gclid=", "", "/p", Direct, "", "", "")
	f(shop+"/p?awclike=1&xgclid=1", shop+"/", "/p", "", "", "", "")
	// Apps of Android.
	f(shop+"/", "android-app://com.google.android.gm/", "/", Email, "com.google.android.gm", "", "com.google.android.gm")
	if e := UnpackEntry("ads" + sep + "google.com" + sep + "spring"); e != (Entry{Channel: Ads, Referrer: "google.com", Campaign: "spring"}) {
		t.Errorf("an entry without a source unpacks to %+v", e)
	}
	if e := UnpackEntry(""); e.Channel != Unknown {
		t.Error("nothing packed should be unknown: ", e)
	}
}

// TestAnything: whatever is sent, what comes out is bounded, clean, and the same again.
func TestAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"https://", "//", "?", "#", "&", "utm_campaign=", "utm_medium=cpc", "www.", ".",
			"%", "%ff", "+", ":", "@", "/", strings.Repeat("ü", 200)}))
		url := strings.Join(rapid.SliceOfN(part, 0, 8).Draw(t, "url"), "")
		referrer := strings.Join(rapid.SliceOfN(part, 0, 8).Draw(t, "referrer"), "")
		path, e := Visit(url, referrer)
		if p2, e2 := Visit(url, referrer); p2 != path || e2 != e {
			t.Fatal("not a function of its arguments")
		}
		if path != Path(url) {
			t.Fatalf("two paths: %q %q", path, Path(url))
		}
		if len(path) > MaxPath || len(e.Referrer) > 128 || len(e.Campaign) > 100 || len(e.Source) > 128 {
			t.Fatalf("too long: %q %+v", path, e)
		}
		for _, s := range []string{path, e.Referrer, e.Campaign, e.Source} {
			if !utf8.ValidString(s) {
				t.Fatalf("%q is not UTF-8", s)
			}
		}
		if e != (Entry{}) && UnpackEntry(string(e.Pack(nil))) != e {
			t.Fatalf("%+v unpacks to something else", e)
		}
	})
}

func BenchmarkVisit(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Visit("https://shop.example/product/1234?color=red", "https://shop.example/")
	}
}

func BenchmarkVisitEntry(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Visit("https://shop.example/product/1234?utm_source=google&utm_medium=cpc&utm_campaign=spring", "https://www.google.com/")
	}
}
