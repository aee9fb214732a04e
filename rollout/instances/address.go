package instances

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lookupTimeout is how long finding out who there is may take.
const lookupTimeout = 5 * time.Second

// Places are where instances are: http://HOST:PORT is one; dns+http://NAME:PORT are all
// addresses of the name; compose+http://SERVICE:PORT all containers of the service.
type Places struct {
	URLs []string
	// Environ and Dir are those of the docker program.
	Environ []string
	Dir     string
	// Lookup finds the addresses of a name. Default: the system's resolver.
	Lookup func(ctx context.Context, name string) ([]string, error)
}

// Find gives the base URL of every instance there is now, in order, each once.
func (p Places) Find(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	var all []string
	for _, text := range p.URLs {
		u, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%q is no address of an instance", text)
		}
		found, err := p.one(ctx, u)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func (p Places) one(ctx context.Context, u *url.URL) ([]string, error) {
	how, scheme, indirect := strings.Cut(u.Scheme, "+")
	if !indirect {
		return []string{strings.TrimSuffix(u.String(), "/")}, nil
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	var hosts []string
	var err error
	switch how {
	case "dns":
		hosts, err = p.addresses(ctx, u.Hostname(), port)
	case "compose":
		hosts, err = p.containers(ctx, u.Hostname(), port)
	default:
		err = fmt.Errorf("%q is none of http, dns+http and compose+http", u.Scheme)
	}
	for i, host := range hosts {
		hosts[i] = scheme + "://" + host + strings.TrimSuffix(u.Path, "/")
	}
	return hosts, err
}

func (p Places) addresses(ctx context.Context, name, port string) ([]string, error) {
	lookup := p.Lookup
	if lookup == nil {
		lookup = net.DefaultResolver.LookupHost
	}
	found, err := lookup(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("finding the instances behind %s: %w", name, err)
	}
	hosts := make([]string, len(found))
	for i, address := range found {
		hosts[i] = net.JoinHostPort(address, port)
	}
	return hosts, nil
}

// container is what docker compose ps tells of one.
type container struct {
	Name       string
	State      string
	Publishers []struct {
		URL           string
		TargetPort    int
		PublishedPort int
	}
}

// containers asks docker compose for the containers of a service: by the port that is
// published on this machine, else by their own address.
func (p Places) containers(ctx context.Context, service, port string) ([]string, error) {
	out, err := p.docker(ctx, "compose", "ps", "--format", "json", service)
	if err != nil {
		return nil, fmt.Errorf("asking docker compose for the containers of %s: %w", service, err)
	}
	wanted, _ := strconv.Atoi(port)
	list, err := parseContainers(out)
	if err != nil {
		return nil, fmt.Errorf("docker compose ps answered what cannot be read: %w", err)
	}
	var hosts []string
	for _, c := range list {
		if c.State != "running" {
			continue
		}
		host, err := p.reach(ctx, c, wanted, port)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

func (p Places) reach(ctx context.Context, c container, wanted int, port string) (string, error) {
	for _, published := range c.Publishers {
		if published.TargetPort == wanted && published.PublishedPort != 0 {
			host := "127.0.0.1"
			if at := net.ParseIP(published.URL); at != nil && !at.IsUnspecified() {
				host = published.URL // on that address of this machine alone
			}
			return net.JoinHostPort(host, strconv.Itoa(published.PublishedPort)), nil
		}
	}
	out, err := p.docker(ctx, "inspect", "--format", "{{.HostConfig.NetworkMode}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", c.Name)
	if err != nil {
		return "", fmt.Errorf("asking docker for the address of %s: %w", c.Name, err)
	}
	switch words := strings.Fields(string(out)); {
	case len(words) > 1: // the network, and an address for each
		return net.JoinHostPort(words[1], port), nil
	case len(words) == 1 && words[0] == "host": // it has this machine's
		return net.JoinHostPort("127.0.0.1", port), nil
	}
	return "", fmt.Errorf("the container %s has no address: publish its port %s, or give it a network", c.Name, port)
}

// parseContainers reads one array, or an object a line: compose has written both.
func parseContainers(out []byte) ([]container, error) {
	var list []container
	if text := strings.TrimSpace(string(out)); strings.HasPrefix(text, "[") {
		return list, json.Unmarshal([]byte(text), &list)
	}
	for line := range strings.Lines(string(out)) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var c container
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

func (p Places) docker(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, p.program("docker"), args...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = p.Environ, p.Dir, time.Second
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("docker %s: no answer within %s: %w", strings.Join(args, " "), lookupTimeout, ctx.Err())
	case errors.As(err, &exit):
		return nil, fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, plain(string(exit.Stderr)))
	}
	return out, err
}

// program is where the PATH of Environ has it; its bare name where that says nothing.
func (p Places) program(name string) string {
	for _, variable := range slices.Backward(p.Environ) {
		path, ok := strings.CutPrefix(variable, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(path) {
			if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil && filepath.IsAbs(found) {
				return found
			}
		}
		break
	}
	return name
}
