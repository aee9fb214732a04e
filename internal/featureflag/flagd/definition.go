package flagd

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/clipper/clipperops/internal/featureflag"
)

// The variants, by their names.
const (
	on  = "on"
	off = "off"
)

// definition is one flag, as flagd reads it.
type definition struct {
	State          string          `json:"state"`
	Variants       variants        `json:"variants"`
	DefaultVariant string          `json:"defaultVariant"`
	Targeting      json.RawMessage `json:"targeting"`
}

// variants are what a flag can be; "on" stands first.
type variants struct {
	On  any `json:"on"`
	Off any `json:"off"`
}

// object and list are JSON's, as they are decoded.
type (
	object = map[string]any
	list   = []any
)

// user is the user's id, and place what is hashed for the user's bucket: the flag's key
// and the user's id, as featureflag.Bucket has it. flagd would take the same by itself,
// but not for a user without an id.
var (
	user  = object{"var": "targetingKey"}
	place = object{"cat": list{object{"var": "$flagd.flagKey"}, user}}
)

// steps is what weights are out of: 0.01% each.
const steps = uint64(featureflag.Everybody)

// targeting decides as Flag.On does: whoever is named has it, all others by their
// bucket; "on" is first, so whoever has it keeps it while its weight grows.
func targeting(f featureflag.Flag) any {
	named := list{}
	for _, u := range f.Users() {
		named = append(named, u)
	}
	weight := uint64(f.Percentage)
	return object{"if": list{
		object{"in": list{user, named}},
		on,
		object{"fractional": list{place, list{on, weight}, list{off, steps - weight}}},
	}}
}

// define is the flag as flagd reads it.
func define(f featureflag.Flag) (definition, error) {
	rule, err := json.Marshal(targeting(f))
	d := definition{State: "DISABLED", Variants: variants{true, false}, DefaultVariant: off, Targeting: rule}
	if f.Enabled {
		d.State = "ENABLED"
	}
	return d, err
}

// read reads a flag that stands as define has it. What a person may well write in its
// place is read as well: weights of another sum, no list of users, no targeting.
func read(key string, value []byte) (featureflag.Flag, error) {
	var d definition
	var exact struct {
		Variants map[string]any `json:"variants"`
	}
	if json.Unmarshal(value, &d) != nil || json.Unmarshal(value, &exact) != nil {
		return featureflag.Flag{}, errors.New("it is no flag definition")
	}
	switch {
	case d.State != "ENABLED" && d.State != "DISABLED":
		return featureflag.Flag{}, errors.New("its state is neither ENABLED nor DISABLED")
	case len(exact.Variants) != 2 || exact.Variants[on] != true || exact.Variants[off] != false:
		return featureflag.Flag{}, errors.New("its variants are not on, true, and off, false")
	}
	var rule any
	if len(d.Targeting) > 0 {
		if err := json.Unmarshal(d.Targeting, &rule); err != nil {
			return featureflag.Flag{}, errors.New("its targeting is no JSON")
		}
	}
	percentage, users, err := decided(rule, d.DefaultVariant)
	if err != nil {
		return featureflag.Flag{}, err
	}
	return featureflag.New(key, d.State == "ENABLED", percentage, users)
}

// decided is for whom the rule is on.
func decided(rule any, otherwise string) (featureflag.Percentage, []string, error) {
	if o, ok := rule.(object); rule == nil || (ok && len(o) == 0) {
		switch otherwise {
		case on:
			return featureflag.Everybody, nil, nil
		case off:
			return 0, nil, nil
		}
		return 0, nil, errors.New("it has no targeting, and its default variant is neither on nor off")
	}
	choice, isChoice := operands(rule, "if", 3)
	if !isChoice {
		percentage, err := share(rule)
		return percentage, nil, err
	}
	membership, ok := operands(choice[0], "in", 2)
	if !ok || !reflect.DeepEqual(membership[0], any(user)) || choice[1] != on {
		return 0, nil, errors.New(`its targeting does not begin with {"if": [{"in": [{"var": "targetingKey"}, [users]]}, "on", …`)
	}
	named, ok := membership[1].(list)
	users := make([]string, len(named))
	for i := range named {
		if users[i], ok = named[i].(string); !ok {
			break
		}
	}
	if !ok {
		return 0, nil, errors.New("its users are no list of texts")
	}
	percentage, err := share(choice[2])
	return percentage, users, err
}

// operands are those of a rule with that one operation and so many operands.
func operands(rule any, operation string, n int) (list, bool) {
	o, ok := rule.(object)
	if !ok || len(o) != 1 {
		return nil, false
	}
	l, ok := o[operation].(list)
	return l, ok && len(l) == n
}

// share is the percentage that a fractional operation is on for. Weights of another sum
// are taken when they come to whole hundredths of a percent: then flagd's bucket and
// ours part the users at the same place.
func share(rule any) (featureflag.Percentage, error) {
	parts, ok := operands(rule, "fractional", 3)
	if !ok || !reflect.DeepEqual(parts[0], any(place)) {
		return 0, errors.New(`its targeting is not {"fractional": [{"cat": [{"var": "$flagd.flagKey"}, {"var": "targetingKey"}]}, ["on", N], ["off", M]]}`)
	}
	yes, okYes := weight(parts[1], on)
	no, okNo := weight(parts[2], off)
	sum := yes + no
	switch {
	case !okYes || !okNo:
		return 0, errors.New(`its weights are not ["on", N], ["off", M], in this order and whole`)
	case sum == 0 || yes*steps%sum != 0:
		return 0, fmt.Errorf("its weights %d and %d come to no whole hundredths of a percent", yes, no)
	}
	return featureflag.Percentage(yes * steps / sum), nil
}

// mostWeight is far from where flagd refuses a sum.
const mostWeight = 1 << 30

func weight(part any, variant string) (uint64, bool) {
	l, ok := part.(list)
	if !ok || len(l) != 2 || l[0] != variant {
		return 0, false
	}
	n, ok := l[1].(float64)
	if !ok || n < 0 || n >= mostWeight || n != float64(uint64(n)) {
		return 0, false
	}
	return uint64(n), true
}
