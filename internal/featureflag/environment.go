package featureflag

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The variables of a flag: FEATURE_<KEY> and these two behind it.
const (
	prefix           = "FEATURE_"
	suffixPercentage = "_ROLLOUT_PERCENTAGE"
	suffixUsers      = "_ENABLED_USERS"
)

// Variables are the names of a flag's three variables: whether it is enabled, its
// percentage, its users.
func Variables(key string) (enabled, percentage, users string) {
	name := prefix + strings.ToUpper(key)
	return name, name + suffixPercentage, name + suffixUsers
}

// others are variables that begin as flags do and are the service's own settings.
var others = []string{"FEATURE_STORE", "FEATURE_FILE", "FEATURE_FLAG"}

// FromEnvironment reads all flags out of variables, given as a map from their
// names. Enabled with neither of the others it is on for everybody; with users
// alone, for those. The error joins every mistake; it names the variable and what
// is allowed, and no user.
//
// Where known keys are given, only mistakes in those are errors: a program's own
// FEATURE_X_TIMEOUT=30s beside them is no flag, and must not keep a kill switch
// from being read.
func FromEnvironment(variables map[string]string, known ...string) (map[string]Flag, error) {
	var mistakes []error
	keys := map[string]bool{}
	for name := range variables {
		if key, ok := keyOf(name); ok {
			keys[key] = true
		}
	}
	flags := make(map[string]Flag, len(keys))
	for _, key := range sorted(keys) {
		f, err := fromVariables(key, variables)
		switch {
		case err == nil:
			flags[key] = f
		case len(known) == 0 || slices.Contains(known, key):
			mistakes = append(mistakes, err)
		}
	}
	return flags, errors.Join(mistakes...)
}

// keyOf is the key of the flag that a variable belongs to.
func keyOf(name string) (string, bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok || slices.ContainsFunc(others, func(o string) bool { return name == o || strings.HasPrefix(name, o+"_") }) {
		return "", false
	}
	rest = strings.TrimSuffix(strings.TrimSuffix(rest, suffixPercentage), suffixUsers)
	key := strings.ToLower(rest)
	return key, rest == strings.ToUpper(rest) && ValidKey(key) == nil
}

func fromVariables(key string, variables map[string]string) (Flag, error) {
	nameEnabled, namePercentage, nameUsers := Variables(key)
	enabled, err := parseEnabled(strings.TrimSpace(variables[nameEnabled]))
	if err != nil {
		return Flag{}, fmt.Errorf("%s is %q; allowed are true and false", nameEnabled, short(variables[nameEnabled]))
	}
	users := splitUsers(variables[nameUsers])
	percentage := Percentage(0)
	switch text := strings.TrimSpace(variables[namePercentage]); {
	case text != "":
		if percentage, err = ParsePercentage(text); err != nil {
			return Flag{}, fmt.Errorf("%s is %q; %w", namePercentage, short(text), err)
		}
	case len(users) == 0:
		percentage = Everybody
	}
	f, err := New(key, enabled, percentage, users)
	if err != nil {
		return Flag{}, fmt.Errorf("%s: %w", nameUsers, err)
	}
	return f, nil
}

// parseEnabled reads what strconv.ParseBool takes; nothing is false.
func parseEnabled(text string) (bool, error) {
	if text == "" {
		return false, nil
	}
	return strconv.ParseBool(text)
}

// splitUsers splits at commas; empty places are left out.
func splitUsers(text string) []string {
	var users []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			users = append(users, part)
		}
	}
	return users
}

// short is as much of a wrong value as helps to find it.
func short(text string) string {
	const most = 24
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

func sorted(set map[string]bool) []string {
	all := make([]string, 0, len(set))
	for k := range set {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}
