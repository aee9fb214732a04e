package metrics_test

import "testing"

func scrapeUntilKilled(dir, target string) {}

var _ = testing.Short
