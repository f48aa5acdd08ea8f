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
	TV      = "tv"
	Bot     = "bot"
	Other   = "other" // of a browser or OS: told, but not one of those that are worth a name
)

// Agent is what a user agent string tells.
type Agent struct {
	Device  string // desktop, mobile, tablet, tv, bot, unknown
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
	browsers = set("Opera", "Opera Mini", "Opera Touch", "Chrome", "Firefox", "Internet Explorer", "Safari", "Edge", "Vivaldi",
		"Samsung Browser", "Android browser", "Huawei Browser", "Miui Browser")
	systems = set("Windows", "Windows Phone", "Android", "macOS", "iOS", "Linux", "FreeBSD", "ChromeOS", "BlackBerry", "Harmony")
	// Those that the parser calls otherwise, or takes for the browser that they are built on.
	apps = []known{{"FBAN/", "Facebook App"}, {"FB_IAB/", "Facebook App"}, {"Instagram ", "Instagram App"}, {"musical_ly", "TikTok App"},
		{"BytedanceWebview", "TikTok App"}, {"Pinterest/", "Pinterest App"}, {"Snapchat/", "Snapchat App"}, {"LinkedInApp", "LinkedIn App"},
		{"MicroMessenger/", "WeChat App"}, {" Line/", "Line App"}, {"GSA/", "Google App"}, {"Silk/", "Silk"}, {"Trident/", "Internet Explorer"}}
	// Televisions, and the boxes and sticks that are plugged into them. AFT begins the names of Amazon's.
	tvs = []string{"SMART-TV", "SmartTV", "Smart TV", "GoogleTV", "Google TV", "Android TV", "AppleTV", "Apple TV", "BRAVIA", "HbbTV",
		"; AFT", "CrKey", "Roku/", "NetCast", "Web0S"}
)

// known is a piece of a user agent, and what it says.
type known struct{ piece, name string }

func find(list []known, s string) (name string) {
	for _, k := range list {
		if strings.Contains(s, k.piece) {
			return k.name
		}
	}
	return ""
}

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// parseAgent takes the library's word for systems and browsers and puts right what it does not know:
//
//   - An Android browser says Mobile on a phone and does not on a tablet, which is how Google asks to tell them apart. Televisions
//     do not say Mobile either; they are told by name.
//   - Safari on an iPad asks for desktop pages with a Mac's user agent, byte by byte. Nothing tells it from a Mac: it counts as a desktop.
//   - Browsers within apps have the app's name; one whose app does not tell its name is a WebView.
//   - What is a bot, see bots.go.
func parseAgent(s string) Agent {
	p := useragent.Parse(s)
	a := Agent{Device: Unknown, OS: named(systems, p.OS), Browser: named(browsers, p.Name)}
	bot, isBot := botName(s)
	switch {
	case isBot || p.Bot:
		a.Device, a.Browser, a.Bot = Bot, bot, true
	case isTV(s):
		a.Device = TV
		if !strings.Contains(s, "Android") && p.OS == "Android" { // Tizen
			a.OS = "Linux"
		}
	case p.Tablet, p.OS == "Android" && strings.HasPrefix(s, "Mozilla/") && !strings.Contains(s, "Mobi"):
		a.Device = Tablet
	case p.Mobile:
		a.Device = Mobile
	case p.Desktop:
		a.Device = Desktop
	}
	if !a.Bot {
		switch app := find(apps, s); {
		case app != "":
			a.Browser = app
		case strings.Contains(s, "; wv)"), p.OS == "iOS" && !strings.Contains(s, "Safari/") && strings.Contains(s, "AppleWebKit/"):
			a.Browser = "WebView"
		}
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

func isTV(s string) bool {
	for _, t := range tvs {
		if strings.Contains(s, t) {
			return true
		}
	}
	return false
}
