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
	Message         = "message"  // SMS, push
	Direct          = "direct"   // typed, bookmarked, or from where nothing is sent
)

// Entry is how a click came to the shop. The zero Entry is a click from within.
type Entry struct {
	Channel  string
	Referrer string // host, without "www."
	Campaign string
	Source   string // who sent it: google, newsletter, idealo
}

// Pack appends the entry in one piece, to be stored; see UnpackEntry.
func (e Entry) Pack(b []byte) []byte {
	b = append(append(b, e.Channel...), sep...)
	b = append(append(b, e.Referrer...), sep...)
	b = append(append(b, e.Campaign...), sep...)
	return append(b, e.Source...)
}

// UnpackEntry reads an entry; its strings point into packed. Nothing packed is an unknown channel. The source is not in what older
// builds packed.
func UnpackEntry(packed string) Entry {
	if packed == "" {
		return Entry{Channel: Unknown}
	}
	channel, rest, _ := strings.Cut(packed, sep)
	referrer, rest, _ := strings.Cut(rest, sep)
	campaign, source, _ := strings.Cut(rest, sep)
	return Entry{channel, referrer, campaign, source}
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
	"kagi": Search, "mojeek": Search, "lycos": Search, "dogpile": Search, "rambler": Search, "daum": Search, "swisscows": Search,
	"metager": Search, "coccoc": Search, "presearch": Search, "copilot": Search, "gemini": Search, "claude": Search,
	"weibo": Social, "line": Social, "kakao": Social, "messenger": Social, "nextdoor": Social, "xing": Social, "viber": Social,
	"twitch": Social, "vimeo": Social, "substack": Social, "lemmy": Social, "wechat": Social, "gutefrage": Social, "mydealz": Social,
	"pepper": Social, "hotukdeals": Social, "dealabs": Social, "chollometro": Social,
	"brevo": Email, "sendinblue": Email, "mailgun": Email, "constantcontact": Email, "activecampaign": Email, "omnisend": Email,
	"campaign-archive": Email, "hubspotemail": Email, "cleverreach": Email, "rapidmail": Email,
	"googleads": Ads, "adnxs": Ads, "rtbhouse": Ads, "teads": Ads, "adroll": Ads, "bidswitch": Ads, "amazon-adsystem": Ads,
	"tradetracker": Affiliate, "daisycon": Affiliate, "partnerize": Affiliate, "prf": Affiliate, "webgains": Affiliate,
	"effiliation": Affiliate, "adtraction": Affiliate, "admitad": Affiliate, "flexoffers": Affiliate, "skimresources": Affiliate,
	"viglink": Affiliate, "linksynergy": Affiliate, "digidip": Affiliate, "shoop": Affiliate, "topcashback": Affiliate,
	"quidco": Affiliate, "igraal": Affiliate, "joinhoney": Affiliate, "retailmenot": Affiliate, "anrdoezrs": Affiliate, "dpbolvw": Affiliate,
	"preisvergleich": PriceComparison, "bizrate": PriceComparison, "twenga": PriceComparison, "ciao": PriceComparison,
	"beslist": PriceComparison, "kieskeurig": PriceComparison, "vergelijk": PriceComparison, "prisjakt": PriceComparison,
	"hinta": PriceComparison, "ceneo": PriceComparison, "heureka": PriceComparison, "zbozi": PriceComparison, "arukereso": PriceComparison,
	"compari": PriceComparison, "skroutz": PriceComparison, "bestprice": PriceComparison, "cimri": PriceComparison, "akakce": PriceComparison,
	"pricecheck": PriceComparison, "staticice": PriceComparison, "kakaku": PriceComparison, "mysmartprice": PriceComparison,
	"priceza": PriceComparison, "toppreise": PriceComparison, "moebel24": PriceComparison, "ladenzeile": PriceComparison,
	"judge": ReviewSite, "stamped": ReviewSite, "reevoo": ReviewSite, "resellerratings": ReviewSite, "bbb": ReviewSite,
	"consumeraffairs": ReviewSite, "productreview": ReviewSite, "provenexpert": ReviewSite, "shopvote": ReviewSite,
	"webwinkelkeur": ReviewSite, "klantenvertellen": ReviewSite, "ausgezeichnet": ReviewSite, "trustami": ReviewSite,
	"shopauskunft": ReviewSite, "smartcustomer": ReviewSite,
}

// sites whose whole host says more than its name.
var sites = map[string]string{
	"t.co": Social, "lnkd.in": Social, "fb.me": Social, "youtu.be": Social, "pin.it": Social, "t.me": Social, "wa.me": Social,
	"mail.google.com": Email, "mail.yahoo.com": Email, "outlook.live.com": Email, "mail.yandex.ru": Email, "mail.aol.com": Email,
	"com.google.android.gm": Email, "com.google.android.googlequicksearchbox": Search, "com.linkedin.android": Social,
	"com.reddit.frontpage": Social, "org.telegram.messenger": Social, // apps of Android, as in android-app://com.google.android.gm/
	"shopping.google.com": PriceComparison, "shopping.yahoo.com": PriceComparison,
}

// payments send people back in the middle of a checkout: that is no entry.
var payments = map[string]bool{"paypal": true, "klarna": true, "stripe": true, "adyen": true, "mollie": true, "sofort": true, "giropay": true,
	"worldpay": true, "payu": true, "mercadopago": true, "amazonpay": true, "sumup": true, "braintreegateway": true, "checkout": true, "bancontact": true, "przelewy24": true, "pagseguro": true, "cardinalcommerce": true, "arcot": true, "ideal": true}

// mediums of utm_medium; those that begin with "paid" or "cp" are ads as well.
var mediums = map[string]string{"ppc": Ads, "display": Ads, "banner": Ads, "interstitial": Ads, "expandable": Ads, "ads": Ads, "ad": Ads,
	"retargeting": Ads, "remarketing": Ads, "sem": Ads, "shopping": Ads, "video": Ads, "native": Ads, "programmatic": Ads,
	"email": Email, "e-mail": Email, "e_mail": Email, "e mail": Email, "mail": Email, "newsletter": Email, "edm": Email,
	"social": Social, "social-media": Social, "social_media": Social, "social media": Social, "social-network": Social,
	"social network": Social, "sm": Social, "story": Social, "bio": Social, "organic_social": Social,
	"organic": Search, "seo": Search, "search": Search, "organic_search": Search,
	"affiliate": Affiliate, "affiliates": Affiliate, "partner": Affiliate, "influencer": Affiliate,
	"price_comparison": PriceComparison, "pricecomparison": PriceComparison, "price-comparison": PriceComparison,
	"comparison": PriceComparison, "psm": PriceComparison, "cse": PriceComparison,
	"review": ReviewSite, "reviews": ReviewSite, "rating": ReviewSite,
	"sms": Message, "push": Message, "notification": Message, "whatsapp": Message, "messenger": Message,
	"referral": Referral, "link": Referral}

// clickID tells what a parameter says that a network adds to the addresses of its links, whatever its value. Those of Meta are on
// every link out of Facebook and Instagram, paid or not, so they say no more than social.
func clickID(key string) (source, channel string) {
	switch key {
	case "gclid", "gbraid", "wbraid", "dclid", "gad_source":
		return "google", Ads
	case "srsltid": // free listings of Google's shopping
		return "google", PriceComparison
	case "msclkid":
		return "bing", Ads
	case "yclid":
		return "yandex", Ads
	case "ttclid":
		return "tiktok", Ads
	case "li_fat_id":
		return "linkedin", Ads
	case "twclid":
		return "twitter", Ads
	case "ScCid", "sccid":
		return "snapchat", Ads
	case "epik":
		return "pinterest", Ads
	case "rdt_cid":
		return "reddit", Ads
	case "dicbo":
		return "outbrain", Ads
	case "tblci":
		return "taboola", Ads
	case "fbclid":
		return "facebook", Social
	case "igshid", "igsh":
		return "instagram", Social
	case "mc_eid", "mc_cid":
		return "mailchimp", Email
	case "_hsenc", "_hsmi":
		return "hubspot", Email
	case "_kx":
		return "klaviyo", Email
	case "awc":
		return "awin", Affiliate
	case "cjevent":
		return "cj", Affiliate
	case "irclickid":
		return "impact", Affiliate
	case "tduid":
		return "tradedoubler", Affiliate
	case "ranSiteID", "ranMID":
		return "rakuten", Affiliate
	case "sscid":
		return "shareasale", Affiliate
	}
	return "", ""
}

// Visit tells the path of a click's page (see Path) and how the click came here. The first rule that says something holds:
//
//	what                              channel                                         source
//	utm_medium that is known          that of mediums; ads if it begins with paid     utm_source, else as below
//	                                  or cp; of "organic": the source's, else search
//	a network's click id              that of clickID                                 the network
//	utm_source that is known          that of names and sites, else of mediums        utm_source
//	any other utm_ parameter          that of the referrer, else unknown              utm_source, else as below
//	the shop's own page, a payment    none: the click is no entry                     none
//	a referrer that is known          that of names and sites                         its name: google, idealo
//	any other referrer                referral                                        its domain
//	no referrer, but a URL            direct                                          none
//
// The lists of names, sites, payments, mediums and click ids are ours. They were written from the networks' own help pages, and follow
// the default channel grouping of Google Analytics where that says something, so that numbers can be compared.
func Visit(pageURL, referrer string) (path string, e Entry) {
	host, path, query, origin := split(pageURL)
	if path == "" && pageURL != "" {
		path = "/"
	}
	path = Clip(path, MaxPath)
	if query != "" {
		if t, ok := tagsOf(query); ok {
			return path, t.entry(query, site(outside(host, referrer)))
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
		e = Entry{Channel: byHost(from), Referrer: Clean(from, 128), Source: sender(from)}
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

// known channel of a site, or nothing.
func knownHost(host string) string {
	if c := sites[host]; c != "" {
		return c
	}
	n, _ := name(host)
	return names[n]
}

func byHost(host string) string {
	if c := knownHost(host); c != "" {
		return c
	}
	return Referral
}

// sender is who a site is: its name, if that is one that we know, else its domain.
func sender(host string) string {
	n, owned := name(host)
	if names[n] != "" {
		return n
	}
	if sites[host] != "" {
		return host
	}
	return Clean(owned, 100)
}

// tags are what a URL itself says of where it was.
type tags struct {
	network, channel string // of a click id
	utm              bool
}

// tagsOf looks through the names of the parameters. false: the URL says nothing.
func tagsOf(query string) (t tags, any bool) {
	for query != "" {
		var kv string
		kv, query, _ = strings.Cut(query, "&")
		i := strings.IndexByte(kv, '=')
		if i <= 0 || i == len(kv)-1 {
			continue
		}
		if key := kv[:i]; len(key) > 4 && strings.EqualFold(key[:4], "utm_") {
			t.utm = true
		} else if t.channel == "" {
			t.network, t.channel = clickID(key)
		}
	}
	return t, t.utm || t.channel != ""
}

// entry reads the tags of a URL; from is the site that it was opened from, if any.
func (t tags) entry(query, from string) Entry {
	if !t.utm {
		return Entry{Channel: t.channel, Referrer: Clean(from, 128), Source: t.network}
	}
	medium := strings.ToLower(param(query, "utm_medium"))
	source := Clean(strings.ToLower(param(query, "utm_source")), 100)
	e := Entry{Referrer: Clean(from, 128), Campaign: param(query, "utm_campaign"), Source: source}
	if e.Source == "" {
		e.Source = t.network
	}
	if e.Source == "" && from != "" {
		e.Source = sender(from)
	}
	known := mediums[medium]
	sourceSays := knownHost(site(source))
	switch {
	case medium == "organic" && sourceSays != "":
		e.Channel = sourceSays
	case known != "":
		e.Channel = known
	case strings.HasPrefix(medium, "paid"), strings.HasPrefix(medium, "cp"):
		e.Channel = Ads
	case t.channel != "":
		e.Channel = t.channel
	case sourceSays != "":
		e.Channel = sourceSays
	case mediums[source] != "":
		e.Channel = mediums[source]
	case from != "":
		e.Channel = byHost(from)
	default:
		e.Channel = Unknown
	}
	return e
}
