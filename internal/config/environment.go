package config

import (
	"fmt"
	"strings"
)

// Environment names where a command acts. It decides how strict the rules are
// and which section of clipperops.yaml applies.
type Environment string

// The environments. There are no others: a typo must not create one with
// relaxed rules.
const (
	Staging     Environment = "staging"
	Production  Environment = "production"
	Development Environment = "development"
)

var environmentNames = []string{string(Staging), string(Production), string(Development)}

// ParseEnvironment reads the name of an environment. The empty name means
// staging and "prod" means production; anything else that is not one of the
// three is an *ops.Failure with ExitUsage.
func ParseEnvironment(s string) (Environment, error) {
	env, complaint := parseEnvironment(s)
	if complaint == "" {
		return env, nil
	}
	var found problems
	found.add(useEnvironment, "%s", complaint)
	return "", found.failure()
}

const useEnvironment = "use --env staging, --env production or --env development"

func parseEnvironment(s string) (env Environment, complaint string) {
	switch s {
	case "":
		return Staging, ""
	case "prod":
		return Production, ""
	case string(Staging), string(Production), string(Development):
		return Environment(s), ""
	}
	return "", fmt.Sprintf("unknown environment %s%s", quoted(s), didYouMean(strings.ToLower(s), environmentNames))
}
