// Package spell finds the word that was meant.
package spell

// DidYouMean returns a hint at the word that is meant, most likely, to be put behind a sentence, or nothing.
func DidYouMean(words []string, word string) string {
	best, bestDistance := "", len(word)/3+2
	for _, w := range words {
		if d := Distance(word, w); d < bestDistance {
			best, bestDistance = w, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// Distance is Levenshtein's: how many letters to insert, delete or replace to come from a to b.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
