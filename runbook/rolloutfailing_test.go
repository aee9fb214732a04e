package runbook

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// failing is an instance's /metrics: one ban that went well, and as many that Twitch failed.
func failing(t *testing.T, failed *atomic.Int64) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { writeFailing(out, failed) }))
	t.Cleanup(server.Close)
	return server
}

func writeFailing(out http.ResponseWriter, failed *atomic.Int64) {
	fmt.Fprintf(out, "moderation_ban_operations_total{operation=\"ban\",status=\"success\",error_type=\"none\"} 1\n"+ //nolint:errcheck // whoever asked has gone
		"moderation_ban_operations_total{operation=\"ban\",status=\"error\",error_type=\"TWITCH_API_ERROR\"} %d\n", failed.Load())
}
