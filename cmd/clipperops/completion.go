package main

import (
	"embed"
	"slices"

	"github.com/clipper/clipperops/internal/ops"
)

//go:embed completion
var completionScripts embed.FS

// completionRequest is the argument with which a shell's script asks what could
// come next; it is urfave/cli's own.
const completionRequest = "--generate-bash-completion"

func completionCommand() command {
	return command{
		name:      "completion",
		usage:     "the completion script for bash, zsh or fish",
		argsUsage: "bash|zsh|fish",
		minArgs:   1, maxArgs: 1,
		examples: []string{
			"source <(clipperops completion bash)",
			"source <(clipperops completion zsh)",
			"clipperops completion fish | source",
		},
		codes: []ops.ExitCode{ops.ExitUsage},
		action: func(i *invocation) error {
			shell := i.Args().First()
			script, err := completionScripts.ReadFile("completion/" + shell)
			if err != nil {
				return usageError(i.path, "no completion for %q: bash, zsh and fish are known", shell)
			}
			_, err = i.process.out.Write(script)
			return err
		},
	}
}

// asksForCompletion reports whether a shell asks what could come next. Such
// arguments are handed on as they are, but for a lone "--", which would switch
// the library's completion off.
func asksForCompletion(args []string) ([]string, bool) {
	if len(args) == 0 || args[len(args)-1] != completionRequest {
		return args, false
	}
	return slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "--" }), true
}
