// Package metricstest runs a real Prometheus for tests, gives it instances to
// scrape, and holds every metrics.Source to one suite.
package metricstest
