package shop

import "slices"

// languages are those that customers write in.
var languages = [...]string{"en", "es", "de", "it", "pt", "fr"}

func languageIndex(lang string) int { return slices.Index(languages[:], lang) }

// words are what customers and the shop say in one language. Aspects are in the order of their constants.
type words struct {
	titles  [3][]string // bad, mixed, good
	good    [aspectCount][]string
	bad     [aspectCount][]string
	before  []string // it has not come
	edit    []string
	replies [3][]string // answered, contact promised, resolved
	names   []string
}

var wordsOf = [...]words{english, spanish, german, italian, portuguese, french}
