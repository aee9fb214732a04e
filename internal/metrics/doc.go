// Package metrics reads what the instances count, in PromQL: from a Prometheus
// server, or from Prometheus's own database and engine inside this process, fed
// by scraping the instances. What happened in a window is given as whole
// numbers: differences of raw samples, nothing extrapolated. Where there is no
// data it says so; no data is never zero.
package metrics
