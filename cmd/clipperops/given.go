package main

import (
	"fmt"

	"al.essio.dev/pkg/shellescape"

	"github.com/clipper/clipperops/internal/config"
	"github.com/clipper/clipperops/runbook"
)

// given are the flags that go along to the next command, fit to be typed again. A
// password that stood in a URL is left out.
func (i *invocation) given(settings *config.Config) runbook.Given {
	g := runbook.Given{Command: i.path}
	for _, name := range runbook.CarriedFlags() {
		if !i.IsSet(name) {
			continue
		}
		flag := runbook.GivenFlag{Name: name}
		switch v := i.Value(name).(type) {
		case bool:
			if !v {
				continue
			}
		case string:
			if name == "rehearse-on" && settings.Rehearsal.Place == config.RehearseOnURL {
				server := settings.Rehearsal.Server
				server.Password = ""
				v = server.URL().Reveal()
			}
			flag.Value = shellescape.Quote(v)
		default:
			flag.Value = fmt.Sprint(v)
		}
		g.Flags = append(g.Flags, flag)
	}
	return g
}
