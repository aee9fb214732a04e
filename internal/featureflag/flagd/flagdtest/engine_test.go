package flagdtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/open-feature/flagd/core/pkg/evaluator"
	"github.com/open-feature/flagd/core/pkg/logger"
	"github.com/open-feature/flagd/core/pkg/model"
	"github.com/open-feature/flagd/core/pkg/store"
	"github.com/open-feature/flagd/core/pkg/sync"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/clipper/clipperops/internal/featureflag"
	"github.com/clipper/clipperops/internal/featureflag/flagd"
)

const key = "twitch_moderation"

// engine is flagd's own, with what it complained of.
type engine struct {
	*evaluator.JSON
	complaints *observer.ObservedLogs
}

func newEngine(t testing.TB, source string) engine {
	t.Helper()
	core, complaints := observer.New(zapcore.WarnLevel)
	log := logger.NewLogger(zap.New(core), false)
	flags, err := store.NewStore(log, []string{source})
	if err != nil {
		t.Fatal(err)
	}
	return engine{evaluator.NewJSON(log, flags), complaints}
}

// take gives the engine the file's content. flagd checks it against its schema, and
// complains when it does not conform.
func (e engine) take(t testing.TB, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.SetState(sync.DataSync{FlagData: string(content), Source: path}); err != nil {
		t.Fatalf("flagd refuses %s: %v", content, err)
	}
	for _, c := range e.complaints.TakeAll() {
		t.Errorf("flagd complains of %s: %s", content, c.Message)
	}
}

// on asks flagd; disabled is off, which flagd says with a reason of its own.
func (e engine) on(t testing.TB, context map[string]any) (on bool, reason string) {
	on, _, reason, _, err := e.ResolveBooleanValue(t.Context(), "", key, context)
	if err != nil || reason == model.ErrorReason {
		t.Errorf("flagd cannot decide for %v: %s, %v", context, reason, err)
	}
	return on, reason
}

// written is a file with the flag in it, beside another one, as the store writes it.
func written(t testing.TB, f featureflag.Flag) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "flags.json")
	const before = `{"$schema": "https://flagd.dev/schema/v0/flags.json", "flags": {"theme": {"state": "ENABLED", "variants": {"a": "x", "b": "y"}, "defaultVariant": "a"}}}`
	if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := flagd.Open(path, key).Write(t.Context(), featureflag.Change{Flag: f}); err != nil {
		t.Fatal(err)
	}
	return path
}

func newFlag(t testing.TB, enabled bool, percentage featureflag.Percentage, users ...string) featureflag.Flag {
	t.Helper()
	f, err := featureflag.New(key, enabled, percentage, users)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
