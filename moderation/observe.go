package moderation

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// observe shows the state of the pool and of the flags as metrics, and every change
// of a flag in the log.
func (srv *Server) observe() {
	gauge := func(name, help string, value func() float64) {
		srv.metrics.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("moderation_feature_store_up", "1 while the flags' store can be read, 0 while the last good flags are decided by.", func() float64 {
		if srv.flags.Status().Error != "" {
			return 0
		}
		return 1
	})
	gauge("moderation_db_connections", "Connections to the database.", func() float64 { open, _, _ := srv.pool.Stat(); return float64(open) })
	gauge("moderation_db_connections_used", "Connections to the database that are in use.", func() float64 { _, used, _ := srv.pool.Stat(); return float64(used) })
	gauge("moderation_db_requests", "Requests that have a connection or wait for one.", func() float64 { _, _, n := srv.pool.Stat(); return float64(n) })
	srv.metrics.Registry.MustRegister(flagCollector{srv})
	srv.flags.OnChange(func() {
		for _, f := range srv.flags.Status().Flags {
			srv.log.Info("feature flag", slog.String("flag", f.Key), slog.Bool("enabled", f.Enabled), slog.String("percentage", f.Percentage.String()),
				slog.Int("users", len(f.Users())), slog.Int64("version", f.Version))
		}
	})
}

// flagCollector shows each flag as this instance sees it.
type flagCollector struct{ srv *Server }

var (
	flagPercentage = prometheus.NewDesc("moderation_feature_flag_percentage", "The percentage of users for whom the flag is on here; 0 while it is disabled.", []string{"flag"}, nil)
	flagVersion    = prometheus.NewDesc("moderation_feature_flag_version", "The version of the flag that this instance decides by.", []string{"flag"}, nil)
)

// Describe names the two metrics.
func (flagCollector) Describe(c chan<- *prometheus.Desc) { c <- flagPercentage; c <- flagVersion }

// Collect reads the flags as they are now.
func (f flagCollector) Collect(c chan<- prometheus.Metric) {
	for _, v := range f.srv.flags.Status().Flags {
		percentage := 0.0
		if v.Enabled {
			percentage = float64(v.Percentage) / 100
		}
		c <- prometheus.MustNewConstMetric(flagPercentage, prometheus.GaugeValue, percentage, v.Key)
		c <- prometheus.MustNewConstMetric(flagVersion, prometheus.GaugeValue, float64(v.Version), v.Key)
	}
}
