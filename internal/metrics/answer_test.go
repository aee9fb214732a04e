package metrics_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clipper/clipperops/internal/metrics"
)

func FuzzAnswer(f *testing.F) {
	f.Add(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"le":"1"},"values":[[1782907205,"1"],[1782907206,"NaN"]]}]}}`)
	f.Add(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"+Inf"]}]}}`)
	f.Add(`{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`)
	f.Add(`{"status":"success","data":{"resultType":"matrix","result":[null,{"histograms":[[1,{}]]}]}}`)
	var body atomic.Value
	body.Store("")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, body.Load().(string))
	}))
	f.Cleanup(server.Close)
	source, err := metrics.OpenPrometheus(metrics.Options{URL: server.URL})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = source.Close() })
	f.Fuzz(func(t *testing.T, answer string) {
		body.Store(answer)
		known := func(err error) {
			switch {
			case err == nil, errors.Is(err, metrics.ErrNoData), errors.As(err, new(*metrics.Unavailable)),
				errors.As(err, new(*metrics.BadQuery)), errors.As(err, new(*metrics.BadSample)):
			default:
				t.Errorf("the error is %T: %v", err, err)
			}
		}
		from := time.Unix(1782907200, 0)
		n, err := metrics.Counts(t.Context(), source, "c", from, from.Add(time.Minute))
		if known(err); n < 0 {
			t.Errorf("counted %d", n)
		}
		_, err = metrics.Buckets(t.Context(), source, "c", from, from.Add(time.Minute))
		known(err)
		_, err = source.Instant(t.Context(), "c", from)
		known(err)
	})
}
