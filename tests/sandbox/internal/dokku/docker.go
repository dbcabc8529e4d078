package dokku

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
)

// container is what `docker inspect` says about one, as far as it matters here.
type container struct {
	ID           string `json:"Id"`
	Name         string
	Image        string
	RestartCount int
	State        struct {
		Status  string
		Running bool
	}
	Config struct {
		Hostname string
		Labels   map[string]string
	}
	HostConfig      struct{ NetworkMode string }
	NetworkSettings struct {
		IPAddress string
		Networks  map[string]struct{ IPAddress string }
	}
}

var errNoContainer = errors.New("no such container")

// inspect looks one container up; errNoContainer says that it is gone.
func (p *Proc) inspect(id string) (container, error) {
	found, err := p.inspectAll(id)
	if err == nil && len(found) != 1 {
		err = errNoContainer
	}
	if err != nil {
		return container{}, err
	}
	return found[0], nil
}

// inspectAll looks containers up with one call; those that are gone are left out. Whatever else docker says against
// it is an error: on a busy machine it must not be taken for that.
func (p *Proc) inspectAll(ids ...string) ([]container, error) {
	ids = without(ids, "")
	if len(ids) == 0 {
		return nil, nil
	}
	var out, errs bytes.Buffer
	cmd := p.command(p.Env["DOCKER_BIN"], append([]string{"container", "inspect"}, ids...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, &out, &errs
	if err := cmd.Run(); err != nil && !onlyMissing(errs.String()) { // it prints the others
		return nil, fmt.Errorf("docker container inspect: %w: %s", err, strings.TrimSpace(errs.String()))
	}
	var found []container
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		return nil, fmt.Errorf("docker container inspect: %w", err)
	}
	return found, nil
}

// onlyMissing tells whether docker complains about nothing but what does not exist.
func onlyMissing(complaint string) bool {
	said := lines(complaint)
	return len(said) > 0 && !slices.ContainsFunc(said, func(line string) bool {
		return !strings.Contains(strings.ToLower(line), "no such ")
	})
}

// image is what `docker inspect` says about an image.
type image struct {
	ID           string `json:"Id"`
	Created      string
	Architecture string
	Variant      string `json:",omitempty"`
	OS           string `json:"Os"`
	Config       map[string]any
	RootFS       struct{ Layers []string }
}

func (i image) label(name string) string {
	labels, _ := i.Config["Labels"].(map[string]any)
	value, _ := labels[name].(string)
	return value
}

func (i image) list(key string) []string {
	var out []string
	values, _ := i.Config[key].([]any)
	for _, value := range values {
		if text, ok := value.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

func (p *Proc) inspectImage(name string) (image, error) {
	text, err := p.docker("image", "inspect", name)
	if err != nil {
		return image{}, err
	}
	var found []image
	if err := json.Unmarshal([]byte(text), &found); err != nil || len(found) != 1 {
		return image{}, errors.Join(err, errors.New("no such image "+name))
	}
	return found[0], nil
}

// relabel tags an image with more labels. A build would do the same in a step of
// a second or more; the short way hands docker a new description of the layers
// that it has already. A docker that does not take that gets the build.
func (p *Proc) relabel(source, tag string, labels map[string]string) error {
	found, err := p.inspectImage(source)
	if err != nil {
		return err
	}
	if p.loadDescription(found, tag, labels) == nil {
		return nil
	}
	lines := "FROM " + source + "\nLABEL"
	for key, value := range labels {
		quoted, _ := json.Marshal(value)
		lines += " " + key + "=" + string(quoted)
	}
	var errs bytes.Buffer
	cmd := p.command(p.Env["DOCKER_BIN"], "build", "--quiet", "--tag", tag, "-")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(lines+"\n"), io.Discard, &errs
	if err := cmd.Run(); err != nil {
		p.print(strings.TrimSpace(errs.String()))
		return err
	}
	return nil
}

func (p *Proc) loadDescription(source image, tag string, labels map[string]string) error {
	merged := map[string]any{}
	if old, ok := source.Config["Labels"].(map[string]any); ok {
		for key, value := range old {
			merged[key] = value
		}
	}
	for key, value := range labels {
		merged[key] = value
	}
	config := map[string]any{}
	for key, value := range source.Config {
		config[key] = value
	}
	config["Labels"] = merged
	history := make([]map[string]any, len(source.RootFS.Layers))
	for i := range history {
		history[i] = map[string]any{"created": source.Created, "created_by": "layer"}
	}
	description, err := json.Marshal(map[string]any{
		"architecture": source.Architecture, "os": source.OS, "created": source.Created, "config": config,
		"rootfs":  map[string]any{"type": "layers", "diff_ids": source.RootFS.Layers},
		"history": history,
	})
	if err != nil {
		return err
	}
	layers := make([]string, len(source.RootFS.Layers))
	for i := range layers {
		layers[i] = "present/layer.tar" // named, never read: docker knows the layer by its digest
	}
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{tag}, "Layers": layers}})
	if err != nil {
		return err
	}
	archive, err := tarOf(map[string][]byte{"config.json": description, "manifest.json": manifest})
	if err != nil {
		return err
	}
	cmd := p.command(p.Env["DOCKER_BIN"], "load", "--quiet")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = archive, io.Discard, io.Discard
	return cmd.Run()
}

func tarOf(files map[string][]byte) (io.Reader, error) {
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	for name, data := range files {
		if err := writer.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
			return nil, err
		}
		if _, err := writer.Write(data); err != nil {
			return nil, err
		}
	}
	return &out, writer.Close()
}

// filesOf returns the files that an image brings along for Dokku, from its
// working directory; none where there is no such image. The answer is kept: four
// plugins ask for one file each.
func (p *Proc) filesOf(app, name string) (map[string][]byte, error) {
	p.core.mu.Lock()
	defer p.core.mu.Unlock()
	if there, err := p.imageExists(name); err != nil || !there {
		return nil, err
	}
	found, err := p.inspectImage(name)
	if err != nil {
		return nil, err
	}
	if files, known := p.core.files[found.ID]; known {
		return files, nil
	}
	id, err := p.docker("container", "create", p.sandboxLabel(), "--label=com.dokku.app-name="+app, name, "true")
	if err != nil {
		return nil, err
	}
	defer func() { _, _ = p.docker("container", "rm", "--force", id) }()
	workdir, _ := found.Config["WorkingDir"].(string)
	files := map[string][]byte{}
	var group sync.WaitGroup
	var mu sync.Mutex
	var failures []error
	for _, file := range []string{"Procfile", "app.json", "CHECKS", "nginx.conf.sigil"} {
		group.Add(1)
		go func() {
			defer group.Done()
			data, err := p.fileFrom(id, path.Join("/", workdir, file))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failures = append(failures, err)
			}
			if data != nil {
				files[file] = data
			}
		}()
	}
	group.Wait()
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	p.core.files[found.ID] = files
	return files, nil
}

// fileFrom reads one file of a container; nothing if the image has none of that name.
func (p *Proc) fileFrom(id, name string) ([]byte, error) {
	var out, errs bytes.Buffer
	cmd := p.command(p.Env["DOCKER_BIN"], "cp", id+":"+name, "-")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, &out, &errs
	err := cmd.Run()
	if err != nil && strings.Contains(errs.String(), "Could not find the file") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("docker cp %s: %w: %s", name, err, strings.TrimSpace(errs.String()))
	}
	reader := tar.NewReader(&out)
	if _, err := reader.Next(); err != nil {
		return nil, fmt.Errorf("docker cp %s: %w", name, err)
	}
	return io.ReadAll(reader)
}

// sandboxLabel marks a container as this sandbox's.
func (p *Proc) sandboxLabel() string {
	settings, _ := p.Layout.Load()
	return "--label=" + LabelKey + "=" + settings.ID
}
