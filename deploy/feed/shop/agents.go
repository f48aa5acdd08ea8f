package shop

// agent is a browser, as it names itself.
type agent struct {
	ua      string
	browser string // as mileusna/useragent names it, and so the sessions table
	device  device
	screen  string
	weight  float64
}

type device uint8

const (
	desktop device = iota
	mobile
	tablet
	bot
)

const (
	webkit = "AppleWebKit/537.36 (KHTML, like Gecko) "
	iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS "
	apple  = " like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
	win    = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) "
	mac    = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) "
	linux  = "Mozilla/5.0 (X11; Linux x86_64) "
	droid  = "Mozilla/5.0 (Linux; Android "
)

var agents = []agent{
	{win + webkit + "Chrome/138.0.0.0 Safari/537.36", "Chrome", desktop, "1920x1080", 14},
	{win + webkit + "Chrome/137.0.0.0 Safari/537.36", "Chrome", desktop, "1536x864", 5},
	{win + webkit + "Chrome/131.0.0.0 Safari/537.36", "Chrome", desktop, "1366x768", 2},
	{mac + webkit + "Chrome/138.0.0.0 Safari/537.36", "Chrome", desktop, "1440x900", 4},
	{linux + webkit + "Chrome/138.0.0.0 Safari/537.36", "Chrome", desktop, "2560x1440", 1},
	{win + webkit + "Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0", "Edge", desktop, "1920x1080", 6},
	{win + webkit + "Chrome/136.0.0.0 Safari/537.36 Edg/136.0.0.0", "Edge", desktop, "1536x864", 2},
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", desktop, "1920x1080", 5},
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox", desktop, "1680x1050", 1.5},
	{"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", desktop, "1920x1200", 1},
	{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", desktop, "1728x1117", 1},
	{mac + "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15", "Safari", desktop, "1512x982", 5},
	{mac + "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15", "Safari", desktop, "1440x900", 2},
	{win + webkit + "Chrome/136.0.0.0 Safari/537.36 OPR/121.0.0.0", "Opera", desktop, "1920x1080", 1},

	{iphone + "18_5" + apple + "Version/18.5 Mobile/15E148 Safari/604.1", "Safari", mobile, "393x852", 13},
	{iphone + "18_3" + apple + "Version/18.3 Mobile/15E148 Safari/604.1", "Safari", mobile, "390x844", 5},
	{iphone + "17_6" + apple + "Version/17.6 Mobile/15E148 Safari/604.1", "Safari", mobile, "375x812", 3},
	{iphone + "18_5" + apple + "CriOS/138.0.7204.119 Mobile/15E148 Safari/604.1", "Chrome", mobile, "430x932", 2},
	{droid + "10; K) " + webkit + "Chrome/138.0.0.0 Mobile Safari/537.36", "Chrome", mobile, "412x915", 12},
	{droid + "15; Pixel 8) " + webkit + "Chrome/138.0.7204.63 Mobile Safari/537.36", "Chrome", mobile, "412x915", 3},
	{droid + "14; SM-A546B) " + webkit + "Chrome/137.0.7151.115 Mobile Safari/537.36", "Chrome", mobile, "360x780", 4},
	{droid + "13; M2101K6G) " + webkit + "Chrome/134.0.6998.135 Mobile Safari/537.36", "Chrome", mobile, "393x873", 2},
	{droid + "14; SAMSUNG SM-S911B) " + webkit + "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36", "Samsung Browser", mobile, "360x780", 4},
	{droid + "13; SAMSUNG SM-A536B) " + webkit + "SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36", "Samsung Browser", mobile, "412x915", 2},
	{"Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox", mobile, "412x915", 1},

	{"Mozilla/5.0 (iPad; CPU OS 18_5" + apple + "Version/18.5 Mobile/15E148 Safari/604.1", "Safari", tablet, "820x1180", 3},
	{"Mozilla/5.0 (iPad; CPU OS 16_7" + apple + "Version/16.6 Mobile/15E148 Safari/604.1", "Safari", tablet, "768x1024", 1},
	{droid + "13; SM-X200) " + webkit + "Chrome/137.0.0.0 Safari/537.36", "Chrome", tablet, "800x1280", 1.5},
}

var bots = []agent{
	{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot", bot, "", 8},
	{droid + "6.0.1; Nexus 5X Build/MMB29P) " + webkit + "Chrome/138.0.7204.92 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot", bot, "", 6},
	{"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "Bingbot", bot, "", 6},
	{"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "AhrefsBot", bot, "", 4},
	{"Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)", "SemrushBot", bot, "", 3},
	{"Mozilla/5.0 " + webkit[:len(webkit)-1] + "; compatible; GPTBot/1.2; +https://openai.com/gptbot)", "GPTBot", bot, "", 4},
	{"Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", "YandexBot", bot, "", 2},
	{"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "Facebook", bot, "", 2},
}

// agentsOf are the indices in agents of one device, and how often each is seen.
var agentsOf = func() (of [3]struct {
	index []int
	often weights
}) {
	for d := range of {
		var w []float64
		for i, a := range agents {
			if a.device == device(d) {
				of[d].index = append(of[d].index, i)
				w = append(w, a.weight)
			}
		}
		of[d].often = newWeights(w)
	}
	return of
}()

func pickAgent(d *dice, of device) int {
	return agentsOf[of].index[agentsOf[of].often.pick(d)]
}

func pickBot(d *dice) int { return botsOften.pick(d) }

var botsOften = func() weights {
	var w []float64
	for _, b := range bots {
		w = append(w, b.weight)
	}
	return newWeights(w)
}()
