package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// request is one to be sent.
type request struct {
	method, path, body, session string
	want                        int
}

// result is how a load went.
type result struct {
	took   []time.Duration
	failed int
	lasted time.Duration
}

// load sends requests at the rate, each when it is due.
func load(ctx context.Context, at string, s settings, make func(i int) request) (result, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512}, Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	for i := range 50 { // connections, plans and caches as a running service has them
		_ = send(ctx, client, at, make(-1-i))
	}
	n := int(s.lasts.Seconds() * float64(s.rate))
	r := result{took: []time.Duration{}}
	var mu sync.Mutex
	var all sync.WaitGroup
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(s.rate))
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(time.Until(due)):
		}
		q := make(i)
		all.Go(func() {
			err := send(ctx, client, at, q)
			took := time.Since(due)
			mu.Lock()
			defer mu.Unlock()
			r.took = append(r.took, took)
			if err != nil {
				if r.failed == 0 {
					fmt.Println("first failure:", err)
				}
				r.failed++
			}
		})
	}
	all.Wait()
	r.lasted = time.Since(began)
	slices.Sort(r.took)
	return r, nil
}

func send(ctx context.Context, client *http.Client, at string, q request) error {
	r, err := http.NewRequestWithContext(ctx, q.method, at+q.path, strings.NewReader(q.body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+q.session)
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != q.want {
		err = fmt.Errorf("%s %s: %s: %s", q.method, q.path, response.Status, text)
	}
	return err
}

func (r result) quantile(q float64) time.Duration {
	if len(r.took) == 0 {
		return 0
	}
	return r.took[min(len(r.took)-1, int(q*float64(len(r.took))))]
}

func (r result) print(name string) {
	fmt.Printf("%-28s %9.0f %9s %9s %9s %9s %7d\n", name, float64(len(r.took))/r.lasted.Seconds(),
		ms(r.quantile(.5)), ms(r.quantile(.95)), ms(r.quantile(.99)), ms(r.quantile(1)), r.failed)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }
