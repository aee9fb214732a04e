package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// The settings that are no connection parameters, by their yaml key.
const (
	keyBackupDir    = "backup_dir"
	keyReportDir    = "report_dir"
	keyMigrations   = "migrations"
	keyRelease      = "release"
	keyPgPrograms   = "pg_programs"
	keyPasswordFile = "password_file"
)

const yamlName = "clipperops.yaml"

// loader carries what Load gathers.
type loader struct {
	src      Sources
	environ  map[string]string
	dotenv   dotenvFile
	yaml     yamlFile
	settled  map[string]value
	notUsed  []Setting
	problems problems
	secrets  problems // of secrets that not every command needs
	password problems // of the database's, which not every command needs either
	warnings []string
	// files are the settings that say which files were read.
	files []Setting
	// brokenTarget is set when a source of the database cannot be read, so that
	// nothing can be said of what is missing.
	brokenTarget bool

	config Config
}

// Load resolves the configuration. The error is an *ops.Failure with ExitUsage
// that names everything that is wrong at once. The Config is returned with it
// too, as far as it could be resolved, so that it can be shown; its TargetErr is
// then set.
func Load(s Sources) (*Config, error) {
	l := &loader{src: s, environ: make(map[string]string), settled: make(map[string]value)}
	for _, entry := range s.Environ {
		name, text, _ := strings.Cut(entry, "=")
		if _, before := l.environ[name]; !before { // as getenv: the first counts
			l.environ[name] = text
		}
	}
	l.readDotenv()
	l.readYAML()
	l.resolveEnvironment()
	for _, lv := range []level{l.flagLevel(), l.environmentLevel(), l.dotenvLevel(), l.yamlLevel()} {
		l.settle(lv)
	}
	l.settle(l.serviceLevel())
	l.settle(l.libpqLevel())
	l.resolveTarget()
	l.resolvePlaces()
	l.resolveRehearsal()
	l.resolveRollout()
	l.config.Rollout.SecretsErr = l.secrets.failure()
	l.config.Settings = l.settings()
	l.config.Warnings = l.warnings
	if len(l.problems) > 0 {
		l.problems = append(l.problems, l.password...)
	}
	err := l.problems.failure()
	if err != nil {
		l.config.Target, l.config.TargetErr = Target{}, err
	}
	return &l.config, err
}

func (l *loader) warn(sentence string) {
	if sentence != "" && !slices.Contains(l.warnings, sentence) {
		l.warnings = append(l.warnings, sentence)
	}
}

// readDotenv reads the file of --env-file, else backend/.env, else .env.
func (l *loader) readDotenv() {
	label, source := l.src.Flags.EnvFile, "flag --env-file"
	if label == "" {
		source = "found"
		for _, candidate := range []string{filepath.Join("backend", ".env"), ".env"} {
			if exists(l.inDir(candidate)) {
				label = candidate
				break
			}
		}
	}
	if label == "" {
		l.files = append(l.files, Setting{Key: "env_file", Source: sourceNone})
		return
	}
	l.files = append(l.files, Setting{Key: "env_file", Value: l.inDir(label), Source: source})
	body, mode, err := readText(l.inDir(label), maxDotenv)
	if err != nil {
		l.problems.add("give --env-file a file that can be read", "%s", fileError(err))
		return
	}
	vars, complaint := parseDotenv(body)
	if complaint != "" {
		l.problems.add("correct "+label+"; a value with special characters needs single quotes", "%s: %s", label, complaint)
		return
	}
	l.dotenv = dotenvFile{label: label, mode: mode, vars: vars}
}

// readYAML reads the file of --config, else clipperops.yaml.
func (l *loader) readYAML() {
	label, source := l.src.Flags.ConfigFile, "flag --config"
	if label == "" {
		label, source = yamlName, "found"
		if !exists(l.inDir(label)) {
			if exists(l.inDir("clipperops.yml")) {
				l.warn("clipperops.yml is not read; the name is " + yamlName)
			}
			l.files = append(l.files, Setting{Key: "config_file", Source: sourceNone})
			return
		}
	}
	path := l.inDir(label)
	l.files = append(l.files, Setting{Key: "config_file", Value: path, Source: source})
	body, mode, err := readText(path, maxYAML)
	if err != nil {
		l.problems.add("give --config a file that can be read", "%s", fileError(err))
		return
	}
	values, complaints := parseYAML(body)
	for _, c := range complaints {
		fix := "correct " + label
		if line, _, known := strings.Cut(c, ", column "); known {
			fix += ", " + line
		}
		l.problems.add(fix, "%s: %s", label, c)
	}
	l.yaml = yamlFile{label: label, dir: filepath.Dir(path), mode: mode, values: values}
}

func (l *loader) inDir(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(l.src.Dir, path)
}

// isFileError reports whether it is the file that cannot be read.
func isFileError(err error) bool { return errors.As(err, new(*fs.PathError)) }

// fileError returns an error of reading a file as a phrase that begins with the path.
func fileError(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return fmt.Sprintf("%s cannot be read: %s", pathErr.Path, pathErr.Err)
	}
	return err.Error()
}

// resolveEnvironment settles where the command acts. An .env file that belongs
// to another environment than the one asked for is worth a warning: it is how a
// staging database comes to be migrated under production's name.
func (l *loader) resolveEnvironment() {
	inFile := l.dotenv.vars["ENVIRONMENT"]
	fileSource := fmt.Sprintf("%s ENVIRONMENT (line %d)", l.dotenv.label, inFile.line)
	stated := []Setting{
		{Value: l.src.Flags.Environment, Source: "flag --env"},
		{Value: l.environ["ENVIRONMENT"], Source: "environment ENVIRONMENT"},
		{Value: inFile.text, Source: fileSource},
		{Value: string(Staging), Source: sourceDefault},
	}
	chosen := stated[slices.IndexFunc(stated, func(s Setting) bool { return s.Value != "" })]
	env, complaint := parseEnvironment(chosen.Value)
	if complaint != "" {
		l.problems.add(useEnvironment, "%s: %s", chosen.Source, complaint)
	}
	l.config.Environment = env
	l.files = append([]Setting{{Key: "environment", Value: string(env), Source: chosen.Source}}, l.files...)
	if meant, c := parseEnvironment(inFile.text); inFile.text != "" && c == "" && env != "" && meant != env {
		l.warn(fmt.Sprintf("%s is for %s, but the environment is %s (%s)", l.dotenv.label, meant, env, chosen.Source))
	}
}
