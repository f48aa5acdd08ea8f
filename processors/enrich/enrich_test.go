package enrich

import (
	"fmt"
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
	f("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36", Desktop, "Windows", "Chrome")
	f("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0", Desktop, "Windows", "Edge")
	f("Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", Desktop, "Linux", "Firefox")
	f("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Safari/605.1.15", Desktop, "macOS", "Safari")
	f("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1", Mobile, "iOS", "Safari")
	f("Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1", Tablet, "iOS", "Safari")
	f("Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36", Mobile, "Android", "Samsung Browser")
	f("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Bot, Unknown, "Googlebot")
	f("curl/8.4.0", Bot, Unknown, Other)
	f("python-requests/2.31", Bot, Unknown, Other)
	f("Mozilla/5.0 (Linux; Android 9; CUBOT_X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36", Mobile, "Android", "Chrome")
	f("MyShop/3.2 (whatever)", Unknown, Unknown, Other)
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
	f := func(url, referrer, path, channel, from, campaign string) {
		t.Helper()
		p, e := Visit(url, referrer)
		if want := (Entry{channel, from, campaign}); p != path || e != want {
			t.Errorf("%s from %s\n  got  %s %+v\n  want %s %+v", url, referrer, p, e, path, want)
		}
		if u := UnpackEntry(string(e.Pack(nil))); e != (Entry{}) && u != e {
			t.Errorf("%+v unpacks to %+v", e, u)
		}
	}
	const shop = "https://www.shop.example"
	f("", "", "", "", "", "")
	f(shop, "", "/", Direct, "", "")
	f(shop+"/p/42?color=red#top", "", "/p/42", Direct, "", "")
	f("/p/42?x=1", "", "/p/42", Direct, "", "")
	f(shop+"/#/app?x", "", "/", Direct, "", "")
	// From within, and back from a payment.
	f(shop+"/cart", shop+"/p/42", "/cart", "", "", "")
	f(shop+"/cart", "https://checkout.shop.example:8443/x", "/cart", "", "", "")
	f(shop+"/thanks", "https://www.paypal.com/pay", "/thanks", "", "", "")
	f("/cart", "https://www.shop.example/", "/cart", "", "", "") // no telling whose it is
	// From others.
	f(shop+"/", "https://www.google.co.uk/", "/", Search, "google.co.uk", "")
	f(shop+"/", "https://www.bing.com/search?q=x", "/", Search, "bing.com", "")
	f(shop+"/", "https://mail.google.com/mail", "/", Email, "mail.google.com", "")
	f(shop+"/", "https://t.co/abc", "/", Social, "t.co", "")
	f(shop+"/", "https://L.Facebook.com/", "/", Social, "l.facebook.com", "")
	f(shop+"/", "https://www.idealo.de/preis", "/", PriceComparison, "idealo.de", "")
	f(shop+"/", "https://de.trustpilot.com/review/shop", "/", ReviewSite, "de.trustpilot.com", "")
	f(shop+"/", "https://blog.example.org/best-shops", "/", Referral, "blog.example.org", "")
	f(shop+"/", "https://google.evil.com/", "/", Referral, "google.evil.com", "")
	f("/p", "https://www.google.com/", "/p", Search, "google.com", "")
	// Tagged.
	f(shop+"/?utm_source=google&utm_medium=cpc&utm_campaign=spring+sale", "https://www.google.com/", "/", Ads, "google.com", "spring sale")
	f(shop+"/?utm_medium=Email&utm_campaign=n%C3%BA1", "", "/", Email, "", "nú1")
	f(shop+"/?utm_medium=paid_social", "", "/", Ads, "", "")
	f(shop+"/?gclid=abc", "https://www.google.com/", "/", Ads, "google.com", "")
	f(shop+"/?utm_source=newsletter", "", "/", Email, "", "")
	f(shop+"/?utm_source=facebook", "", "/", Social, "", "")
	f(shop+"/?utm_campaign=x", "", "/", Unknown, "", "x")
	f(shop+"/?utm_campaign=x", "https://www.bing.com/", "/", Search, "bing.com", "x")
	f(shop+"/?utm_campaign=a%1Fb%00c", "", "/", Unknown, "", "abc")
	f(shop+"/?utm_source=&utm_medium=", "", "/", Direct, "", "")
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
		if len(path) > MaxPath || len(e.Referrer) > 128 || len(e.Campaign) > 100 {
			t.Fatalf("too long: %q %+v", path, e)
		}
		for _, s := range []string{path, e.Referrer, e.Campaign} {
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
