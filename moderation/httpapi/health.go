package httpapi

import "net/http"

// Readiness is what /ready says.
type Readiness struct {
	Ready  bool        `json:"ready"`
	Checks []Condition `json:"checks"`
}

// Condition is one thing that the service needs to do its work.
type Condition struct {
	Name   string `json:"name"`
	Status string `json:"status"` // ok, degraded (the service works all the same), failed
	Detail string `json:"detail"`
}

// health says that the process is alive; nothing else.
func (a *api) health(*request) (answer, error) {
	return answer{body: map[string]string{"status": "ok"}}, nil
}

// ready says whether requests can be served.
func (a *api) ready(r *request) (answer, error) {
	readiness := a.Ready(r.Context())
	status := http.StatusOK
	if !readiness.Ready {
		status = http.StatusServiceUnavailable
	}
	return answer{status, readiness}, nil
}
