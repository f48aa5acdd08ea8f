package enrich

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// MaxPath bounds a stored path, in bytes.
const MaxPath = 256

// Path returns the path of a URL, absolute or relative, without query and fragment: "/p/42" of "https://shop.example/p/42?ref=x".
// Ids in it are kept. It is "" for an empty URL, "/" for a bare host, and at most MaxPath bytes.
func Path(u string) string {
	if u == "" {
		return ""
	}
	_, path, _, _ := split(u)
	if path == "" {
		return "/"
	}
	return Clip(path, MaxPath)
}

// split takes a URL apart: host without port, path, query; and how many bytes of it are the origin, "https://host:port". A relative
// URL has no host. It allocates nothing and takes whatever comes, since what people track as URL is not always one.
func split(u string) (host, path, query string, origin int) {
	if i := strings.IndexByte(u, '?'); i >= 0 {
		u, query = u[:i], u[i+1:]
		if i := strings.IndexByte(query, '#'); i >= 0 {
			query = query[:i]
		}
	}
	if i := strings.IndexByte(u, '#'); i >= 0 {
		u, query = u[:i], ""
	}
	rest := u
	switch i := strings.IndexByte(u, ':'); {
	case i > 0 && strings.HasPrefix(u[i:], "://"):
		rest = u[i+3:]
	case strings.HasPrefix(u, "//"):
		rest = u[2:]
	default:
		return "", u, query, 0
	}
	host = rest
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	origin = len(u) - len(path)
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return host, path, query, origin
}

// site is a host in lower case without "www.", at most 128 bytes.
func site(host string) string {
	host = strings.TrimSuffix(host, ".")
	if len(host) > 4 && strings.EqualFold(host[:4], "www.") {
		host = host[4:]
	}
	return strings.ToLower(Clip(host, 128)) // as it is, when it is lower case already
}

// name is the label of a site that its owner chose, "amazon" of "smile.amazon.co.uk", and owned the domain from there on,
// "amazon.co.uk". Short second levels under a country ("co.uk", "com.br") belong to the country.
func name(site string) (name, owned string) {
	last := strings.LastIndexByte(site, '.')
	if last < 0 {
		return site, site
	}
	end := last
	start := strings.LastIndexByte(site[:end], '.') + 1
	if start > 0 && len(site)-last-1 == 2 && end-start <= 3 {
		switch site[start:end] {
		case "co", "com", "org", "net", "gov", "edu", "ac", "or", "ne", "go":
			end = start - 1
			start = strings.LastIndexByte(site[:end], '.') + 1
		}
	}
	return site[start:end], site[start:]
}

// param returns a query parameter, unescaped, without control characters, at most 100 bytes.
func param(query, key string) string {
	for query != "" {
		var kv string
		kv, query, _ = strings.Cut(query, "&")
		if len(kv) <= len(key) || kv[len(key)] != '=' || !strings.EqualFold(kv[:len(key)], key) {
			continue
		}
		v := kv[len(key)+1:]
		if strings.ContainsAny(v, "%+") {
			if p, err := url.QueryUnescape(v); err == nil {
				v = p
			}
		}
		return Clean(v, 100)
	}
	return ""
}

// Clean returns s in valid UTF-8 without control characters, at most max bytes.
func Clean(s string, max int) string {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			s = strings.Map(func(r rune) rune {
				if r < 0x20 || r == 0x7f {
					return -1
				}
				return r // bytes that are no UTF-8 become U+FFFD
			}, s)
			break
		}
	}
	return Clip(s, max)
}

// Clip cuts s to at most max bytes, never inside a character.
func Clip(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max]
}
