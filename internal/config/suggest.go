package config

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
)

// suggest returns the candidate that word was probably meant to be, or "".
func suggest(word string, candidates []string) string {
	word = strings.ToLower(word)
	best, bestDistance := "", len(word)/3+2
	for _, c := range candidates {
		if d := levenshtein.Distance(word, c, nil); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	if best != "" || len(word) < 3 {
		return best
	}
	for _, alike := range []func(word, candidate string) bool{
		func(word, c string) bool { return strings.HasPrefix(c, word) },                // prod
		func(word, c string) bool { return len(c) >= 4 && strings.HasPrefix(word, c) }, // username
		func(word, c string) bool { return len(c) >= 4 && strings.Contains(word, c) },  // db_host
	} {
		for _, c := range candidates {
			if alike(word, c) {
				return c
			}
		}
	}
	return ""
}

// didYouMean returns "; did you mean X?" or, with nothing close, "".
func didYouMean(word string, candidates []string) string {
	if s := suggest(word, candidates); s != "" {
		return "; did you mean " + s + "?"
	}
	return ""
}

// harmless is what text must look like to be quoted in an error: too short and
// too plain to be a pasted connection string or file.
var harmless = regexp.MustCompile(`^[A-Za-z0-9_.:+-]{1,40}$`)

// quoted returns text in quotes when it is harmless, else a description.
func quoted(text string) string {
	if text == "" {
		return "(empty)"
	}
	if harmless.MatchString(text) {
		return strconv.Quote(text)
	}
	return "(not shown)"
}

// nearest returns the candidate that is one slip of a key away from word, or "".
func nearest(word string, candidates []string) string {
	for _, c := range candidates {
		if levenshtein.Distance(word, c, nil) == 1 {
			return c
		}
	}
	return ""
}
