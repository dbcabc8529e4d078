package dokku

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// sideBySide is how many questions are asked at once.
const sideBySide = 8

// dockerContainer and dockerImage are what Docker says of one, as far as a survey needs it.
type (
	dockerContainer struct {
		ID    string `json:"Id"`
		Image string
		State struct {
			Running, OOMKilled bool
			Pid, ExitCode      int
			Status, Error      string
		}
		HostConfig struct{ Memory int64 }
		Config     struct{ Env []string }
	}
	dockerImage struct {
		ID       string `json:"Id"`
		RepoTags []string
		Created  time.Time
		Size     int64
		RootFS   struct{ Layers []string }
		Config   struct {
			Labels          map[string]string
			Env, Entrypoint []string
			WorkingDir      string
		}
	}
)

func (c dockerContainer) is(name string) bool { return c.ID == name }
func (i dockerImage) is(name string) bool     { return i.ID == name || slices.Contains(i.RepoTags, name) }

// thing is what Docker can inspect.
type thing interface{ is(name string) bool }

// answers tells whether Docker does.
func (h *Host) answers(ctx context.Context) error {
	var err error
	if h.engine.usable(ctx) {
		response, failure := h.engine.call(ctx, "GET", "/_ping", nil, nil)
		if err = failure; err == nil {
			_ = response.Body.Close()
		}
	} else {
		_, err = h.docker(ctx, "version", "--format", "{{.Server.Version}}")
	}
	if err != nil {
		return graduate.Errorf(graduate.Internal, "Docker does not answer (%w); start it and try again", err)
	}
	return nil
}

// inspect reads things of a kind (container or image) by their names; those that there are not are left out.
func inspect[T thing](ctx context.Context, h *Host, kind string, names []string) (map[string]T, error) {
	found := map[string]T{}
	if len(names) == 0 {
		return found, nil
	}
	if !h.engine.usable(ctx) {
		out, err := h.docker(ctx, append([]string{kind, "inspect"}, names...)...)
		var all []T
		// It fails where one is missing, and tells of the others.
		if jsonErr := json.Unmarshal([]byte(out), &all); jsonErr != nil && err == nil {
			return nil, jsonErr
		}
		for _, name := range names {
			if i := slices.IndexFunc(all, func(t T) bool { return t.is(name) }); i >= 0 {
				found[name] = all[i]
			}
		}
		return found, nil
	}
	var mu sync.Mutex
	err := each(ctx, names, func(ctx context.Context, name string) error {
		var t T
		err := h.engine.get(ctx, "/"+kind+"s/"+name+"/json", nil, &t)
		if errors.Is(err, errAbsent) {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		found[name] = t
		return err
	})
	return found, err
}

// each calls f for all of some names, a few at a time, until one fails.
func each(ctx context.Context, names []string, f func(context.Context, string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sideBySide)
	for _, name := range names {
		group.Go(func() error { return f(ctx, name) })
	}
	return group.Wait()
}

// step is one line of an image's history.
type step struct {
	CreatedBy string
	Size      int64
}

// UnmarshalJSON reads the size as a number (the API) or as its digits (the client).
func (s *step) UnmarshalJSON(data []byte) error {
	var line struct {
		CreatedBy string
		Size      json.RawMessage
	}
	if err := json.Unmarshal(data, &line); err != nil {
		return err
	}
	s.CreatedBy = line.CreatedBy
	s.Size, _ = strconv.ParseInt(strings.Trim(string(line.Size), `"`), 10, 64)
	return nil
}

// layers are the layers of an image with their sizes: the digests are in what inspect says, the sizes in its history.
func (h *Host) layers(ctx context.Context, i dockerImage) []graduate.Layer {
	var history []step
	if h.engine.usable(ctx) {
		if err := h.engine.get(ctx, "/images/"+i.ID+"/history", nil, &history); err != nil {
			history = nil
		}
	} else if out, err := h.docker(ctx, "image", "history", "--no-trunc", "--human=false", "--format", "{{json .}}", i.ID); err == nil {
		for line := range strings.Lines(out) {
			var s step
			if json.Unmarshal([]byte(line), &s) == nil {
				history = append(history, s)
			}
		}
	}
	slices.Reverse(history) // the newest comes first
	layers := make([]graduate.Layer, len(i.RootFS.Layers))
	sizes := layerSizes(history, len(layers))
	for n, id := range i.RootFS.Layers {
		layers[n].ID = id
		if sizes != nil {
			layers[n].Size = sizes[n]
		}
	}
	return layers
}

// metadata matches the steps of a Dockerfile that make no layer, as the old builder and BuildKit write them.
var metadata = regexp.MustCompile(`^(/bin/sh -c #\(nop\)\s+)?(ARG|CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|SHELL|STOPSIGNAL|USER|VOLUME)\b`)

// layerSizes are the sizes of an image's layers, the lowest first; nil where they cannot be told. A history has
// lines without a layer, and does not mark them: these are of size 0, but not every line of size 0 is one of them.
func layerSizes(history []step, layers int) []int64 {
	for _, makesNone := range []func(step) bool{
		func(s step) bool { return s.Size == 0 && metadata.MatchString(s.CreatedBy) },
		func(s step) bool { return s.Size == 0 },
	} {
		var sizes []int64
		for _, s := range history {
			if !makesNone(s) {
				sizes = append(sizes, s.Size)
			}
		}
		if len(sizes) == layers {
			return sizes
		}
	}
	return nil
}
