package runbook

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/migrate"
)

// schemaSource is where a schema is to be read: one of a database, a file and a
// plan that builds it. With none of them it is the database of the settings.
type schemaSource struct {
	target *config.Target
	url    string // of the target, as it was given
	file   string
	plan   *migrate.Plan
}

// settingsDatabase names the database of the settings as a source.
const settingsDatabase = "db"

// parseSchemaSource finds out what a source names, so that what cannot be is told
// before anything begins. A path as it stands comes before DIR@VERSION.
func parseSchemaSource(text string, o SchemaOptions) (schemaSource, error) {
	if text == settingsDatabase {
		return schemaSource{}, nil
	}
	if strings.Contains(text, "://") {
		target, err := o.Target(text)
		return schemaSource{target: &target, url: text}, err
	}
	info, err := os.Stat(text)
	switch {
	case err == nil && info.IsDir():
		return plannedSource(text, nil)
	case err == nil:
		return schemaSource{file: text}, nil
	}
	if at := strings.LastIndexByte(text, '@'); at > 0 {
		dir, version := text[:at], text[at+1:]
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			v, err := strconv.ParseUint(version, 10, 63)
			if err != nil {
				return schemaSource{}, noSchemaSource(fmt.Sprintf("%q in %s is not a version: a number such as 97 or 000097", version, text))
			}
			return plannedSource(dir, &v)
		}
	}
	return schemaSource{}, noSchemaSource("there is neither a snapshot nor a directory of migrations at " + text)
}

// plannedSource plans the way from nothing up to a version, nil for the last.
func plannedSource(dir string, version *uint64) (schemaSource, error) {
	source, err := migrate.ReadSource(os.DirFS(dir), dir)
	if err != nil {
		return schemaSource{}, err
	}
	versions := source.Versions()
	switch {
	case len(versions) == 0:
		return schemaSource{}, noSchemaSource("there is no migration in " + dir)
	case version == nil:
		version = &versions[len(versions)-1]
	case !source.Has(*version):
		return schemaSource{}, noSchemaSource(fmt.Sprintf("%s has no migration %d, only %d to %d", dir, *version, versions[0], versions[len(versions)-1]))
	}
	plan, err := migrate.PlanUp(source, migrate.State{Version: -1}, *version, nil)
	return schemaSource{plan: plan}, err
}

func noSchemaSource(what string) error {
	return &ops.Failure{
		Code: ops.ExitUsage, What: what,
		State: []string{"nothing was touched"},
		Next:  []string{"name db, a postgres:// URL, a snapshot FILE, or a migrations DIR[@VERSION]"},
	}
}
