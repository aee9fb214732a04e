package runbook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// serve shows /metrics and /healthz until the returned function is called.
func (w *watching) serve(ctx context.Context) (end func(), err error) {
	listener, err := listen(ctx, w.o.Listen)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(w.show.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", w.healthz)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			w.step.Note("/metrics and /healthz are no longer served: " + err.Error())
		}
	}()
	w.step.Note("serving /metrics and /healthz on " + listener.Addr().String())
	return func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(closing) != nil {
			_ = server.Close() // whoever still asks is cut off
		}
		<-done
	}, nil
}

// healthz answers 503 when the watch has not looked for three ticks: a look that takes the
// feature back waits for the instances as long as they may take to follow.
func (w *watching) healthz(out http.ResponseWriter, _ *http.Request) {
	w.show.mu.Lock()
	alive := w.show.alive
	w.show.mu.Unlock()
	if late := w.Now().Sub(alive); late > 3*w.o.Every+w.o.Propagation {
		http.Error(out, fmt.Sprintf("the watch has not looked for %s", late.Truncate(time.Second)), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(out, "ok") //nolint:errcheck // whoever asked has gone
}
