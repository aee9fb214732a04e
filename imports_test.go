package clipperops_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/clipper/clipperops"

// arrows is the import graph of the house, docs/architecture.md: for each
// package the packages of this module it may import. An entry ending in "/…"
// stands for a folder. What is not listed is not allowed.
var arrows = map[string][]string{
	"cmd/clipperops": {"runbook", "release", "migrations", "preflight", "validate", "migrate", "backup", "rollback", "rollout", "reports", "internal/…"},

	"runbook": {"preflight", "backup", "migrate", "migrate/rehearsal", "migrate/repair", "validate", "rollback", "rollout", "rollout/gate", "rollout/instances", "release", "reports", "internal/…"},

	"preflight": {"release", "internal/…"},
	"backup":    {"release", "internal/…"},
	"migrate":   {"release", "internal/…"},
	"validate":  {"release", "internal/…"},
	"rollback":  {"release", "migrate", "backup", "internal/…"},

	"migrate/rehearsal":   {"migrate", "internal/…"},
	"migrate/repair":      {"migrate", "internal/…"},
	"migrate/enginebench": {"migrate", "migrate/rehearsal", "internal/…"},

	"rollout":              {"release", "rollout/gate", "rollout/instances", "internal/…"},
	"rollout/gate":         {},
	"rollout/instances":    {"internal/featureflag"},
	"rollout/rolloutbench": {"rollout", "release", "internal/…"},

	"release":    {"internal/ops", "internal/sqlscan", "internal/metrics/expression"},
	"migrations": {},
	"reports":    {"internal/ops"},

	"cmd/fake-twitch":    {"moderation/twitch/twitchtest"},
	"cmd/moderation-api": {"moderation/…", "moderation", "internal/featureflag/…", "internal/featureflag"},

	// The sibling: of this house it knows the flags alone.
	"moderation/problem":  {},
	"moderation/database": {"moderation/problem"},
	"moderation/identity": {"moderation/database"},
	"moderation/auditlog": {"moderation/database", "moderation/problem"},
	"moderation/metrics":  {},
	"moderation/schema":   {"moderation/database"},
	"moderation/settings": {"moderation/database"},
	"moderation/tokens":   {"moderation/database", "moderation/twitch"},
	"moderation/bans":     {"moderation/auditlog", "moderation/database", "moderation/identity", "moderation/problem", "moderation/tokens", "moderation/twitch"},
	"moderation/page":     {"moderation/auditlog", "moderation/database"},
	"moderation/twitch":   {},
	"moderation/queue":    {"moderation/auditlog", "moderation/database", "moderation/identity", "moderation/problem"},
	"moderation/appeals":  {"moderation/auditlog", "moderation/database", "moderation/identity", "moderation/problem", "moderation/queue"},
	"moderation":          {"moderation/…", "internal/featureflag/…", "internal/featureflag"},
	"moderation/apibench": {"moderation/…", "internal/config", "internal/sandbox", "migrations"},
	"moderation/httpapi":  {"internal/featureflag", "moderation/…", "internal/featureflag/…"},

	"moderation/twitch/twitchtest": {},

	"internal/notify": {},

	"internal/metrics":            {"internal/metrics/expression"},
	"internal/metrics/expression": {},
	"internal/metrics/…":          {"internal/metrics", "internal/metrics/…"},

	"internal/featureflag":                 {},
	"internal/featureflag/env":             {"internal/featureflag"},
	"internal/featureflag/envfile":         {"internal/featureflag", "internal/featureflag/filestore"},
	"internal/featureflag/filestore":       {"internal/featureflag"},
	"internal/featureflag/flagd":           {"internal/featureflag", "internal/featureflag/filestore"},
	"internal/featureflag/postgres":        {"internal/featureflag"},
	"internal/featureflag/featureflagtest": {"internal/featureflag"},
	"internal/featureflag/flagbench":       {"internal/featureflag", "internal/featureflag/envfile", "internal/featureflag/postgres"},

	"internal/ops":           {},
	"internal/sqlscan":       {},
	"internal/wholefile":     {},
	"internal/config":        {"internal/ops"},
	"internal/pg":            {"internal/ops", "internal/config"},
	"internal/ledger":        {"internal/ops", "internal/pg", "internal/config"},
	"internal/console":       {"internal/ops", "reports"},
	"internal/migratedriver": {"migrate", "internal/…"},
	"internal/sandbox":       {"internal/ops", "internal/config", "internal/pg", "migrations"},
	"internal/sandbox/…":     {"internal/sandbox", "internal/ops"},
	"internal/pgtest":        {"internal/sandbox", "internal/ops", "internal/config", "internal/pg", "migrations"},
	"internal/pgtest/…":      {"internal/pgtest", "internal/sandbox", "internal/ops", "internal/config", "internal/pg"},
}

// reserved names libraries that one room alone may import.
var reserved = map[string]string{
	"github.com/urfave/cli/v2":                    "cmd/clipperops",
	"github.com/fatih/color":                      "internal/console",
	"github.com/vbauerster/mpb/v8":                "internal/console",
	"github.com/testcontainers/testcontainers-go": "internal/pgtest",
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

// TestImportsFollowTheHouse fails when an arrow is added that the house does not have.
func TestImportsFollowTheHouse(t *testing.T) {
	t.Parallel()
	for _, pkg := range listPackages(t) {
		room := strings.TrimPrefix(strings.TrimPrefix(pkg.ImportPath, module), "/")
		if room == "" {
			continue // this folder holds tests alone
		}
		allowed, known := arrowsOf(room)
		if !known {
			t.Errorf("%s is not in the import graph; docs/architecture.md and this test must know every room", room)
			continue
		}
		for _, imported := range pkg.Imports {
			if local, ok := strings.CutPrefix(imported, module+"/"); ok && !covers(allowed, local) {
				t.Errorf("%s imports %s: the house has no such arrow", room, local)
			}
			if owner, ok := reservedFor(imported); ok && room != owner && !strings.HasPrefix(room, owner+"/") {
				t.Errorf("%s imports %s, which only %s may", room, imported, owner)
			}
		}
	}
}

// TestImportsOfOpsAndReports holds the two innermost rooms to the standard library.
func TestImportsOfOpsAndReports(t *testing.T) {
	t.Parallel()
	for _, pkg := range listPackages(t) {
		room := strings.TrimPrefix(pkg.ImportPath, module+"/")
		if room != "internal/ops" {
			continue
		}
		for _, imported := range pkg.Imports {
			if strings.Contains(imported, ".") {
				t.Errorf("%s imports %s; it may import the standard library alone", room, imported)
			}
		}
	}
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p goPackage
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 5 {
		t.Fatalf("go list found %d packages; the test would prove nothing", len(packages))
	}
	return packages
}

func arrowsOf(room string) ([]string, bool) {
	if allowed, ok := arrows[room]; ok {
		return allowed, true
	}
	for folder, allowed := range arrows {
		if prefix, ok := strings.CutSuffix(folder, "…"); ok && strings.HasPrefix(room, prefix) {
			return allowed, true
		}
	}
	return nil, false
}

func covers(allowed []string, imported string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		if prefix, ok := strings.CutSuffix(a, "…"); ok {
			return strings.HasPrefix(imported, prefix)
		}
		return imported == a
	})
}

func reservedFor(imported string) (string, bool) {
	for library, owner := range reserved {
		if imported == library || strings.HasPrefix(imported, library+"/") {
			return owner, true
		}
	}
	return "", false
}
