package shop

import (
	"fmt"
	"math"
	"time"
)

// channel says how a visit came. The names are the classic ones of web analytics; the shop never tells them, it only sends the
// addresses, referrers and campaign parameters that give them away.
type channel uint8

const (
	direct channel = iota
	search
	searchAds
	social
	email
	ads
	compare
	referral
	channels
)

var channelShare = [channels]float64{direct: 22, search: 30, searchAds: 14, social: 9, email: 8, ads: 6, compare: 6, referral: 5}

// channelBuys is how readily visits of a channel order.
var channelBuys = [channels]float64{direct: 1.3, search: 1, searchAds: 1.1, social: 0.5, email: 1.5, ads: 0.6, compare: 1.4, referral: 0.9}

// hours is how many visits come in each hour of a place's day, weekdays in each day of its week from Sunday on; means are 1.
var (
	hours    = [24]float64{0.45, 0.25, 0.15, 0.1, 0.1, 0.2, 0.45, 0.75, 1, 1.15, 1.25, 1.25, 1.3, 1.2, 1.15, 1.15, 1.2, 1.3, 1.45, 1.65, 1.85, 1.8, 1.35, 0.8}
	weekdays = [7]float64{1.17, 1.06, 1.0, 1.0, 0.97, 0.93, 0.87}
)

// busiest is an upper bound of activity times boost.
const busiest = 1.85 * 1.17 * 2

// activity is the density of visits from a place at a time, 1 on average.
func activity(t int64, offset int64) float64 {
	local := t + offset*hourMS
	hour := float64(local%dayMS)/float64(hourMS) - 0.5
	h := int(math.Floor(hour))
	part := hour - float64(h)
	day := (local/dayMS + 4) % 7 // 1970-01-01 was a Thursday
	return weekdays[day] * (hours[(h+24)%24]*(1-part) + hours[(h+1)%24]*part)
}

// campaign brings more visits for a while.
type campaign struct {
	name    string
	channel channel
	from    int64
	to      int64
	lift    float64 // visits, as a share of the usual ones
}

// campaigns are those of one day.
type campaigns struct {
	day int64
	all []campaign
}

// of are the campaigns of t's day, whether they run at t or not.
func (c *campaigns) of(seed uint64, t int64) []campaign {
	day := t / dayMS
	if day != c.day || c.all == nil {
		c.day = day
		c.all = plan(seed, day, c.all[:0])
	}
	return c.all
}

func plan(seed uint64, day int64, all []campaign) []campaign {
	date := time.UnixMilli(day * dayMS).UTC()
	year, week := date.ISOWeek()
	start := day * dayMS
	add := func(name string, by channel, from, to int64, lift float64) {
		all = append(all, campaign{name, by, start + from*hourMS, start + to*hourMS, lift})
	}
	add(fmt.Sprintf("brand-%d-q%d", year, (int(date.Month())+2)/3), searchAds, 0, 24, 0.02)
	add(fmt.Sprintf("retargeting-%d-%02d", year, date.Month()), ads, 0, 24, 0.02)
	switch date.Weekday() {
	case time.Tuesday:
		add(fmt.Sprintf("newsletter-%d-w%02d", year, week), email, 6, 22, 0.18)
	case time.Thursday, time.Friday, time.Saturday, time.Sunday:
		if week%3 == 1 { // a sale of four days, every third week
			name := fmt.Sprintf("sale-%d-w%02d", year, week)
			add(name, email, 5, 20, 0.12)
			add(name, searchAds, 0, 24, 0.14)
			add(name, social, 7, 24, 0.1)
		}
	}
	d := diceOf(seed, 'c', uint64(day))
	if d.chance(0.15) { // somebody with followers shows a product
		from := int64(10 + d.below(9))
		add("creator-"+pick(&d, []string{"mila", "jonas", "ines", "luca", "claire", "tom"}), social, from, from+5, 0.35)
	}
	return all
}

// boost is how much more comes at t than without campaigns: 1 to 2.
func (c *campaigns) boost(seed uint64, t int64) float64 {
	sum := 1.0
	for _, a := range c.of(seed, t) {
		if t >= a.from && t < a.to {
			sum += a.lift
		}
	}
	return min(sum, 2)
}

// landing is where a visit comes from.
type landing struct {
	channel  channel
	referrer string
	source   string // utm_source; empty: no parameters
	medium   string
	campaign string
}

// arrive chooses how a visit at t from p comes.
func (s *Shop) arrive(t int64, p *place) landing {
	d := &s.dice
	by, name := channel(0), ""
	x := d.float() * s.campaigns.boost(s.cfg.Seed, t)
	x -= 1
	for _, a := range s.campaigns.of(s.cfg.Seed, t) {
		if x < 0 {
			break
		}
		if t >= a.from && t < a.to {
			by, name = a.channel, a.name
			x -= a.lift
		}
	}
	if name == "" {
		by = channel(channelOften.pick(d))
	}
	return land(d, by, name, p)
}

var channelOften = newWeights(channelShare[:])

var (
	socialHosts = []string{"https://www.instagram.com/", "https://l.facebook.com/", "https://www.tiktok.com/", "https://www.pinterest.com/", "https://www.youtube.com/"}
	socialNames = []string{"instagram", "facebook", "tiktok", "pinterest", "youtube"}
	adHosts     = []string{"https://www.spiegel.de/", "https://www.lemonde.fr/", "https://elpais.com/", "https://www.repubblica.it/", "https://www.theguardian.com/", "https://www.publico.pt/"}
	blogHosts   = []string{"https://www.homestead-notes.example/best-of", "https://wohnblog.example/tests", "https://lacasaverde.example/guia", "https://gadgetpost.example/reviews/12"}
	mailHosts   = []string{"", "", "https://mail.google.com/", "https://outlook.live.com/"}
)

func land(d *dice, by channel, name string, p *place) landing {
	l := landing{channel: by, campaign: name}
	switch by {
	case search:
		switch x := d.float(); {
		case x < 0.86:
			l.referrer = p.search
		case x < 0.95:
			l.referrer = "https://www.bing.com/"
		default:
			l.referrer = "https://duckduckgo.com/"
		}
	case searchAds:
		l.referrer, l.source, l.medium = p.search, "google", "cpc"
	case social:
		n := d.below(len(socialHosts))
		l.referrer = socialHosts[n]
		if name != "" || d.chance(0.35) {
			l.source, l.medium = socialNames[n], "paid_social"
		}
	case email:
		l.referrer, l.source, l.medium = pick(d, mailHosts), "newsletter", "email"
	case ads:
		l.referrer, l.source, l.medium = pick(d, adHosts), "display", "banner"
	case compare:
		l.referrer, l.source, l.medium = p.compare, "pricefeed", "comparison"
	case referral:
		l.referrer = pick(d, blogHosts)
	}
	if l.source != "" && l.campaign == "" {
		l.campaign = [channels]string{searchAds: "generic", social: "always-on", email: "service", ads: "prospecting", compare: "feed"}[by]
	}
	return l
}
