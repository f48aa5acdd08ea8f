package enrich

import "strings"

// Channels: what led a visitor here.
const (
	Search          = "search"
	Social          = "social"
	Email           = "email"
	Ads             = "ads"
	Affiliate       = "affiliate"
	PriceComparison = "price_comparison"
	ReviewSite      = "review_site"
	Referral        = "referral" // a link on any other site
	Direct          = "direct"   // typed, bookmarked, or from where nothing is sent
)

// Entry is how a click came to the shop. The zero Entry is a click from within.
type Entry struct {
	Channel  string
	Referrer string // host, without "www."
	Campaign string
}

// Pack appends the entry in one piece, to be stored; see UnpackEntry.
func (e Entry) Pack(b []byte) []byte {
	b = append(append(b, e.Channel...), sep...)
	b = append(append(b, e.Referrer...), sep...)
	return append(b, e.Campaign...)
}

// UnpackEntry reads an entry; its strings point into packed. Nothing packed is an unknown channel.
func UnpackEntry(packed string) Entry {
	if packed == "" {
		return Entry{Channel: Unknown}
	}
	channel, rest, _ := strings.Cut(packed, sep)
	referrer, campaign, _ := strings.Cut(rest, sep)
	return Entry{channel, referrer, campaign}
}

// names of sites by the label that their owner chose, whatever the country.
var names = map[string]string{
	"google": Search, "bing": Search, "duckduckgo": Search, "yahoo": Search, "baidu": Search, "yandex": Search, "ecosia": Search,
	"qwant": Search, "startpage": Search, "ask": Search, "seznam": Search, "naver": Search, "sogou": Search, "brave": Search, "aol": Search,
	"chatgpt": Search, "perplexity": Search,
	"facebook": Social, "instagram": Social, "twitter": Social, "x": Social, "tiktok": Social, "pinterest": Social, "linkedin": Social,
	"youtube": Social, "reddit": Social, "snapchat": Social, "whatsapp": Social, "telegram": Social, "vk": Social, "threads": Social,
	"mastodon": Social, "bsky": Social, "tumblr": Social, "quora": Social, "discord": Social,
	"gmail": Email, "outlook": Email, "gmx": Email, "web": Email, "protonmail": Email, "mailchimp": Email, "list-manage": Email,
	"sendgrid": Email, "klaviyo": Email,
	"doubleclick": Ads, "googlesyndication": Ads, "googleadservices": Ads, "criteo": Ads, "taboola": Ads, "outbrain": Ads, "adform": Ads,
	"awin": Affiliate, "awin1": Affiliate, "tradedoubler": Affiliate, "zanox": Affiliate, "cj": Affiliate, "rakuten": Affiliate,
	"shareasale": Affiliate, "impact": Affiliate,
	"idealo": PriceComparison, "geizhals": PriceComparison, "billiger": PriceComparison, "guenstiger": PriceComparison,
	"pricerunner": PriceComparison, "kelkoo": PriceComparison, "shopzilla": PriceComparison, "pricegrabber": PriceComparison,
	"pricespy": PriceComparison, "check24": PriceComparison, "trovaprezzi": PriceComparison, "ledenicheur": PriceComparison,
	"buscape": PriceComparison, "zoom": PriceComparison, "skinflint": PriceComparison,
	"trustpilot": ReviewSite, "trustedshops": ReviewSite, "ekomi": ReviewSite, "yelp": ReviewSite, "sitejabber": ReviewSite,
	"feefo": ReviewSite, "reclameaqui": ReviewSite, "reviews": ReviewSite, "bazaarvoice": ReviewSite, "yotpo": ReviewSite,
	"opiniones-verificadas": ReviewSite, "avis-verifies": ReviewSite, "recensioni-verificate": ReviewSite, "kiyoh": ReviewSite,
}

// sites whose whole host says more than its name.
var sites = map[string]string{
	"t.co": Social, "lnkd.in": Social, "fb.me": Social, "youtu.be": Social, "pin.it": Social, "t.me": Social, "wa.me": Social,
	"mail.google.com": Email, "mail.yahoo.com": Email, "outlook.live.com": Email, "mail.yandex.ru": Email, "mail.aol.com": Email,
	"shopping.google.com": PriceComparison, "shopping.yahoo.com": PriceComparison,
}

// payments send people back in the middle of a checkout: that is no entry.
var payments = map[string]bool{"paypal": true, "klarna": true, "stripe": true, "adyen": true, "mollie": true, "sofort": true, "giropay": true,
	"worldpay": true, "payu": true, "mercadopago": true, "pagseguro": true, "cardinalcommerce": true, "arcot": true, "ideal": true}

// mediums of utm_medium; those that begin with "paid" are ads as well.
var mediums = map[string]string{"cpc": Ads, "ppc": Ads, "cpm": Ads, "cpv": Ads, "cpa": Ads, "display": Ads, "banner": Ads, "ads": Ads,
	"ad": Ads, "retargeting": Ads, "sem": Ads, "shopping": Ads, "video": Ads, "email": Email, "e-mail": Email, "mail": Email,
	"newsletter": Email, "social": Social, "social-media": Social, "social_media": Social, "sm": Social, "organic": Search, "seo": Search,
	"affiliate": Affiliate, "affiliates": Affiliate, "partner": Affiliate, "price_comparison": PriceComparison,
	"pricecomparison": PriceComparison, "comparison": PriceComparison, "review": ReviewSite, "reviews": ReviewSite, "referral": Referral}

// Visit tells the path of a click's page (see Path) and how the click came here. UTM parameters and click ids are believed first,
// then the referrer. A click from the shop's own pages or back from a payment is no entry; neither is one that says nothing (no
// URL, no referrer). A URL alone is direct.
func Visit(pageURL, referrer string) (path string, e Entry) {
	host, path, query, origin := split(pageURL)
	if path == "" && pageURL != "" {
		path = "/"
	}
	path = Clip(path, MaxPath)
	if strings.Contains(query, "utm_") || strings.Contains(query, "clid=") || strings.Contains(query, "braid=") {
		from := site(outside(host, referrer))
		if e = tagged(query, from); e.Channel != "" {
			return path, e
		}
	}
	if referrer == "" {
		if pageURL != "" {
			e.Channel = Direct
		}
		return path, e
	}
	if n := len(referrer); origin > 0 && n > origin && referrer[origin] == '/' && referrer[:origin] == pageURL[:origin] {
		return path, e // most clicks come from the page before
	}
	if from := outside(host, referrer); from != "" {
		from = site(from)
		n, _ := name(from)
		e = Entry{Channel: byHost(from, n), Referrer: Clean(from, 128)}
		if host == "" && e.Channel == Referral {
			e = Entry{} // a page without a host: the referrer may well be the shop itself
		}
	}
	return path, e
}

// outside is the referrer's host, or nothing if that is the shop itself or a payment.
func outside(host, referrer string) string {
	if referrer == "" {
		return ""
	}
	from, _, _, _ := split(referrer)
	if from == host || from == "" {
		return ""
	}
	n, owned := name(site(from))
	if payments[n] {
		return ""
	}
	if _, own := name(site(host)); own == owned {
		return ""
	}
	return from
}

func byHost(host, name string) string {
	if c := sites[host]; c != "" {
		return c
	}
	if c := names[name]; c != "" {
		return c
	}
	return Referral
}

// tagged is an entry that the URL itself names; without a channel if it names none.
func tagged(query, from string) Entry {
	medium := strings.ToLower(param(query, "utm_medium"))
	source := strings.ToLower(param(query, "utm_source"))
	campaign := param(query, "utm_campaign")
	e := Entry{Referrer: Clean(from, 128), Campaign: campaign}
	switch {
	case mediums[medium] != "":
		e.Channel = mediums[medium]
	case strings.HasPrefix(medium, "paid"):
		e.Channel = Ads
	case param(query, "gclid") != "", param(query, "msclkid") != "", param(query, "gbraid") != "", param(query, "wbraid") != "":
		e.Channel = Ads
	case source != "":
		n, _ := name(site(source))
		if e.Channel = byHost(source, n); e.Channel == Referral && mediums[source] != "" {
			e.Channel = mediums[source]
		}
	case medium != "" || campaign != "":
		e.Channel = Unknown
		if from != "" {
			n, _ := name(from)
			e.Channel = byHost(from, n)
		}
	}
	return e
}
