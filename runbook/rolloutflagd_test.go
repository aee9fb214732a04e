package runbook

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/internal/ops"
	"github.com/clipper/clipperops/moderation/settings"
)

// theme is a flag of somebody else's, as a person typed it.
const theme = `"theme": {"state": "ENABLED",  "variants": {"a": "x", "b": "y"}, "defaultVariant": "a"}`

// TestARolloutThroughFlagdsFile: running instances follow flagd's own file from the start
// to the end, each user gets what the file says, and what else is in it stays.
func TestARolloutThroughFlagdsFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "flags.json")
	if err := os.WriteFile(file, []byte(`{"flags": {`+theme+`}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorldWith(t, config.Rollout{Store: settings.StoreFlagd, File: file}, config.Production, 2, 30)
	var beta []string
	for _, p := range w.people[:6] {
		beta = append(beta, p.id.String())
	}
	forced := RolloutOptions{Force: true, Reason: "what the gates say is tested elsewhere"}

	w.does(ops.ExitDone, RolloutUsers(t.Context(), w.session(), beta, nil, RolloutOptions{}))
	w.signs()
	run := w.does(ops.ExitDone, RolloutStart(t.Context(), w.session(), RolloutOptions{}))
	w.servedFromTheFile(run, len(beta), `"state":"ENABLED"`, beta[0], `["on",0]`)
	run = w.does(ops.ExitDone, RolloutSet(t.Context(), w.session(), 10_00, forced))
	w.servedFromTheFile(run, w.exposed(), `["on",1000],["off",9000]`, beta[0])
	run = w.does(ops.ExitDone, RolloutSet(t.Context(), w.session(), 50_00, forced))
	w.servedFromTheFile(run, w.exposed(), `["on",5000],["off",5000]`)
	run = w.does(ops.ExitDone, RolloutOff(t.Context(), w.session(), RolloutOptions{Reason: "enough"}))
	w.servedFromTheFile(run, 0, `"state":"DISABLED"`)
}

// exposed are how many people have the feature by the flag: those with it, and, for the
// test to tell anything, not everybody.
func (w *world) exposed() int {
	w.t.Helper()
	on, f := 0, w.flag()
	for _, p := range w.people {
		if f.On(p.id.String()) {
			on++
		}
	}
	if on == 0 || on == len(w.people) {
		w.t.Fatalf("%s: of %d people %d have it", f, len(w.people), on)
	}
	return on
}

// servedFromTheFile wants the command to have waited for every instance, the instances to
// serve so many people and refuse the others, and the file to hold the words, in whatever
// layout, and the other flag as it was typed.
func (w *world) servedFromTheFile(run *ops.Run, people int, words ...string) {
	w.t.Helper()
	data, flag := run.Data.(*RolloutData), w.flag()
	if len(data.Instances) != len(w.instances) {
		w.t.Errorf("%s: of %d instances it saw %+v", run.Command, len(w.instances), data.Instances)
	}
	for _, i := range data.Instances {
		if !i.Known || i.Stale || i.Enabled != flag.Enabled || i.Percentage != flag.Percentage || i.Version != flag.Version {
			w.t.Errorf("%s: the file holds %s, and the instance %+v", run.Command, flag, i)
		}
	}
	answers := w.traffic(1)
	if answers[""] != people || answers["FEATURE_DISABLED"] != len(w.people)-people {
		w.t.Errorf("%s: %v; want %d of %d people served", run.Command, answers, people, len(w.people))
	}
	content, err := os.ReadFile(w.config.Rollout.File)
	if err != nil {
		w.t.Fatal(err)
	}
	if !bytes.Contains(content, []byte(theme)) {
		w.t.Errorf("%s: the other flag was touched: %s", run.Command, content)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, content); err != nil {
		w.t.Fatal(err)
	}
	for _, word := range words {
		if !strings.Contains(compact.String(), word) {
			w.t.Errorf("%s: %s is not in the file: %s", run.Command, word, content)
		}
	}
}
