package enrich

import "strings"

// bots are machines that tell their name. The list is ours, made from what their owners say of them; what is not in it is still a bot
// if it has one of the words below, under the name of other. A bot that calls itself a browser is not seen by its user agent; one
// that clicks without end is, by the number of its clicks (session.Config.MaxMarks).
var bots = []known{
	// search
	{"googlebot", "Googlebot"}, {"adsbot-google", "Google Ads Bot"}, {"mediapartners-google", "Google Ads Bot"}, {"google-inspectiontool", "Googlebot"},
	{"googleother", "Googlebot"}, {"storebot-google", "Googlebot"}, {"bingbot", "Bingbot"}, {"adidxbot", "Bingbot"}, {"bingpreview", "Bingbot"},
	{"duckduckbot", "DuckDuckBot"}, {"yandexbot", "YandexBot"}, {"yandex.com/bots", "YandexBot"}, {"baiduspider", "Baiduspider"}, {"applebot", "Applebot"}, {"petalbot", "PetalBot"},
	{"seznambot", "SeznamBot"}, {"qwantbot", "Qwantbot"}, {"qwantify", "Qwantbot"}, {"slurp", "Yahoo Slurp"}, {"sogou web spider", "Sogou Spider"}, {"amazonbot", "Amazonbot"},
	// previews of links
	{"facebookexternalhit", "facebookexternalhit"}, {"meta-external", "facebookexternalhit"}, {"facebookcatalog", "facebookexternalhit"},
	{"twitterbot", "Twitterbot"}, {"linkedinbot", "LinkedInBot"}, {"pinterestbot", "Pinterestbot"}, {"slackbot", "Slackbot"},
	{"telegrambot", "TelegramBot"}, {"discordbot", "Discordbot"}, {"whatsapp/", "WhatsApp"}, {"skypeuripreview", "Skype"},
	// language models
	{"gptbot", "GPTBot"}, {"chatgpt-user", "ChatGPT"}, {"oai-searchbot", "ChatGPT"}, {"claudebot", "ClaudeBot"}, {"claude-", "ClaudeBot"},
	{"perplexity", "PerplexityBot"}, {"bytespider", "Bytespider"}, {"ccbot", "CCBot"}, {"cohere-ai", "Cohere"}, {"diffbot", "Diffbot"},
	// for sale
	{"ahrefs", "AhrefsBot"}, {"semrush", "SemrushBot"}, {"mj12bot", "MJ12bot"}, {"dotbot", "DotBot"}, {"blexbot", "BLEXBot"},
	{"dataforseo", "DataForSeoBot"}, {"serpstat", "SerpstatBot"}, {"screaming frog", "Screaming Frog"}, {"criteobot", "CriteoBot"},
	// tests
	{"headlesschrome", "Headless Chrome"}, {"phantomjs", "PhantomJS"},
}

// botWords are in the user agents of machines and libraries, and hardly in those of browsers.
var botWords = []string{"bot", "crawl", "spider", "headless", "curl/", "wget/", "python", "go-http-client", "java/", "okhttp/", "axios/",
	"node-fetch", "libwww", "httpclient", "guzzle", "scrapy", "lighthouse", "pagespeed", "gtmetrix", "pingdom", "uptime", "statuscake",
	"monitor", "preview", "scanner", "postman", "insomnia", "puppeteer", "playwright", "selenium"}

// botName says whether a user agent is a bot's, and which.
func botName(s string) (name string, bot bool) {
	s = strings.ToLower(s)
	if strings.Contains(s, "cubot") { // a maker of phones
		s = strings.ReplaceAll(s, "cubot", "")
	}
	if name := find(bots, s); name != "" {
		return name, true
	}
	for _, w := range botWords {
		if strings.Contains(s, w) {
			return Other, true
		}
	}
	return Other, false
}
