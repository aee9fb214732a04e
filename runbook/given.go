package runbook

import (
	"slices"
	"strings"
)

// Given is how the operator wanted a command to work: its name and those of its flags
// that are neither its subject, as --target, nor lead to the database, as Selection.
type Given struct {
	// Command is as it was typed, "migrate rehearse".
	Command string
	Flags   []GivenFlag
}

// GivenFlag is one flag. Its value is fit to be typed again and has no password; a
// switch has none.
type GivenFlag struct{ Name, Value string }

// carrier says which commands a flag goes along to.
type carrier struct {
	flag string
	to   []string
	// waives: the flag gives up a safeguard of one change, and does not go along to
	// another, as from a migration to the rollback that undoes it.
	waives bool
}

// carriers are the flags that a suggested command needs as much as the one that
// suggests it: how and where clones are made, how long locks are waited for, what the
// change goes without.
var carriers = []carrier{
	{flag: "rehearse", to: []string{"migrate", "migrate rehearse", "rollback"}},
	{flag: "rehearse-on", to: []string{"migrate", "migrate rehearse", "migrate repair", "preflight", "rollback", "scratch list", "scratch prune", "schema diff", "schema snapshot"}},
	{flag: "reason", to: []string{"migrate", "rollback"}, waives: true},
	{flag: "allow-irreversible", to: []string{"migrate", "migrate rehearse", "preflight"}, waives: true},
	{flag: "allow-foreign", to: []string{"rollback"}, waives: true},
	{flag: "skip-backup", to: []string{"migrate", "rollback"}, waives: true},
	{flag: "skip-validation", to: []string{"migrate"}, waives: true},
	{flag: "lock-timeout", to: []string{"migrate", "rollback"}},
	{flag: "lock-retry-for", to: []string{"migrate", "rollback"}},
	{flag: "cancel-idle-blockers", to: []string{"migrate", "rollback"}},
}

// CarriedFlags are the names of the flags that can go along to the next command.
func CarriedFlags() []string {
	names := make([]string, len(carriers))
	for i, c := range carriers {
		names[i] = c.flag
	}
	return names
}

// carried are the flags that go along to a command, which may have some of its own.
func (g Given) carried(command string) []string {
	name, own := verb(command), strings.Fields(command)
	var flags []string
	for _, f := range g.Flags {
		at := slices.IndexFunc(carriers, func(c carrier) bool { return c.flag == f.Name })
		if at < 0 || !slices.Contains(carriers[at].to, name) || slices.Contains(own, "--"+f.Name) {
			continue
		}
		off := f == GivenFlag{"rehearse", "off"}
		if (carriers[at].waives || off) && change(name) != change(g.Command) {
			continue
		}
		if off && name == "migrate rehearse" {
			continue // there would be nothing to do
		}
		if f.Name == "skip-backup" && strings.Contains(command, "--rehearse data") {
			continue // which is a backup, restored
		}
		flags = append(flags, "--"+f.Name)
		if f.Value != "" {
			flags = append(flags, f.Value)
		}
	}
	return flags
}

// verb is what a command does: "migrate status" of "migrate status --env staging".
func verb(command string) string {
	words := strings.Fields(command)
	if len(words) > 1 && slices.Contains([]string{"migrate", "schema", "scratch", "backup", "rollout"}, words[0]) && !strings.HasPrefix(words[1], "-") {
		return words[0] + " " + words[1]
	}
	return words[0]
}

// change is the change of the database that a command makes, prepares or checks.
func change(command string) string {
	verb, _, _ := strings.Cut(command, " ")
	if verb == "preflight" {
		return "migrate"
	}
	return verb
}
