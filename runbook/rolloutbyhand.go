package runbook

import "github.com/clipper/clipperops/internal/featureflag"

// OffByHand are the ways to turn a flag off without clipperops, in that store; "" is one that
// is not known, and file that of a file, "" where that is not.
func OffByHand(store, file, flag string) []string {
	if store != "" {
		return []string{"or " + byHand(store, file, flag), "if that cannot be had either, stop the service"}
	}
	lines := []string{"or turn it off without clipperops, where the flag is kept:"}
	for _, each := range []string{"postgres", "envfile", "flagd"} {
		lines = append(lines, "with rollout.store: "+each+": "+byHand(each, file, flag))
	}
	return append(lines, "if that cannot be had either, stop the service")
}

// byHand turns a flag off without clipperops.
func byHand(store, file, flag string) string {
	if file == "" {
		file = "the file that holds the flag"
	}
	switch store {
	case "envfile":
		enabled, percentage, _ := featureflag.Variables(flag)
		return "by hand on its machine, in " + file + ": " + enabled + "=false and " + percentage + "=0, then make services read it"
	case "flagd":
		return "by hand on its machine, in " + file + `: "` + flag + `": {"state": "DISABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"}`
	}
	return "from a machine that reaches the database, as a user who may write: UPDATE clipperops.feature_flags SET enabled = false WHERE key = '" + flag + "';"
}
