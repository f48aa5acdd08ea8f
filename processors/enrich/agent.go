package enrich

import (
	"strings"

	"github.com/mileusna/useragent"
)

// Devices.
const (
	Desktop = "desktop"
	Mobile  = "mobile"
	Tablet  = "tablet"
	Bot     = "bot"
	Other   = "other" // of a browser or OS: told, but not one of those that are worth a name
)

// Agent is what a user agent string tells.
type Agent struct {
	Device  string // desktop, mobile, tablet, bot, unknown
	OS      string
	Browser string
	Bot     bool
	// Packed is all of it in one string, to be stored; see Unpack.
	Packed string
}

// Unpack reads an agent from Packed. Its strings point into packed.
func Unpack(packed string) Agent {
	a := Agent{Device: Unknown, OS: Unknown, Browser: Unknown, Packed: packed}
	if device, rest, ok := strings.Cut(packed, sep); ok {
		a.Device = device
		a.OS, a.Browser, _ = strings.Cut(rest, sep)
		a.Bot = device == Bot
	}
	return a
}

// sep separates packed fields; no field contains it.
const sep = "\x1f"

// maxAgent is how much of a user agent is read. Real ones have up to 300 bytes.
const maxAgent = 512

// Agents parses user agents and remembers the latest. It belongs to one goroutine.
type Agents struct{ known memo[Agent] }

// NewAgents remembers about size agents.
func NewAgents(size int) *Agents { return &Agents{newMemo[Agent](max(size/2, 1))} }

// Agent tells what ua says. An empty one is unknown in all respects.
func (as *Agents) Agent(ua string) Agent {
	if ua == "" {
		return Unpack("")
	}
	if len(ua) > maxAgent {
		ua = ua[:maxAgent]
	}
	if a, ok := as.known.get(ua); ok {
		return a
	}
	a := parseAgent(ua)
	as.known.put(ua, a)
	return a
}

// browsers and systems that are worth a name. All else is other, so that a column of names stays small whatever is sent.
var (
	browsers = set("Opera", "Opera Mini", "Opera Touch", "Chrome", "Headless Chrome", "Firefox", "Internet Explorer", "Safari", "Edge",
		"Vivaldi", "Samsung Browser", "Android browser", "Facebook App", "Instagram App", "TikTok App", "Huawei Browser", "Miui Browser",
		"Googlebot", "Google Ads Bot", "Twitterbot", "facebookexternalhit", "Applebot", "Bingbot", "YandexBot", "Bytespider")
	systems = set("Windows", "Windows Phone", "Android", "macOS", "iOS", "Linux", "FreeBSD", "ChromeOS", "BlackBerry", "Harmony")
	// tools call themselves by name, and are no browsers.
	tools = []string{"bot", "crawl", "spider", "slurp", "headless", "curl/", "wget/", "python", "go-http-client", "java/", "okhttp/", "scrapy",
		"lighthouse", "pingdom", "uptime", "monitor", "preview"}
)

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

func parseAgent(s string) Agent {
	p := useragent.Parse(s)
	a := Agent{Device: Unknown, OS: named(systems, p.OS), Browser: named(browsers, p.Name), Bot: p.Bot || isTool(s)}
	switch {
	case a.Bot:
		a.Device = Bot
	case p.Tablet:
		a.Device = Tablet
	case p.Mobile:
		a.Device = Mobile
	case p.Desktop:
		a.Device = Desktop
	}
	a.Packed = strings.Join([]string{a.Device, a.OS, a.Browser}, sep)
	return a
}

// named returns a name of the list (never the parser's string, which may be all that was sent).
func named(list map[string]bool, name string) string {
	switch {
	case name == "":
		return Unknown
	case list[name]:
		return name
	}
	return Other
}

func isTool(s string) bool {
	s = strings.ToLower(s)
	if strings.Contains(s, "cubot") { // a maker of phones
		s = strings.ReplaceAll(s, "cubot", "")
	}
	for _, t := range tools {
		if strings.Contains(s, t) {
			return true
		}
	}
	return false
}
