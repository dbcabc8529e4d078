package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// The bounds of a quiesce.
const (
	// maxRequestWait bounds how long requests wait: longer than proxies and people do.
	maxRequestWait = time.Hour
	// maxWaiting bounds how many wait: each has two file descriptors when it goes on.
	maxWaiting = 20_000
	// maxPage bounds a maintenance page: it is sent whole, to many at once.
	maxPage = 64 << 10
)

// pageName is the name of a maintenance page: a plain file's, and one that says of itself that it is for the public. Who
// may set a group's page is not the server's administrator, whose scripts are beside it.
var pageName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+-]{0,57}\.html?$`)

// oldWorkers lists what may become of the old workers.
func oldWorkers() []string {
	return []string{graduate.WorkersPause, graduate.WorkersStop, graduate.WorkersLeave}
}

// quiesceKeys are the keys of a quiesce in the order in which they are written, each with its value in words; the value is
// empty where it is the default.
func quiesceKeys(q *graduate.Quiesce) [][2]string {
	required := ""
	if q.Optional {
		required = "false"
	}
	return [][2]string{
		{"during", q.During}, {"max_wait", durationOrEmpty(q.MaxWait)}, {"drain", durationOrEmpty(q.Drain)},
		{"workers", q.Workers}, {"max_waiting", numberOrEmpty(q.MaxWaiting)}, {"maintenance_page", q.Page}, {"required", required},
	}
}

// FormatQuiesce is a quiesce in words, as graduate:set takes it: "during=post max_wait=30s"; "" where there is none.
func FormatQuiesce(q *graduate.Quiesce) string {
	if q == nil {
		return ""
	}
	var words []string
	for _, k := range quiesceKeys(q) {
		if k[1] != "" {
			words = append(words, k[0]+"="+k[1])
		}
	}
	return strings.Join(words, " ")
}

// quiesceNode is a quiesce as it stands in a document.
func quiesceNode(q *graduate.Quiesce) *yaml.Node {
	node := flow()
	for _, k := range quiesceKeys(q) {
		switch {
		case k[1] == "":
		case k[0] == "max_waiting":
			node.Content = append(node.Content, text(k[0]), number(q.MaxWaiting))
		case k[0] == "required":
			node.Content = append(node.Content, text(k[0]), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: k[1]})
		default:
			node.Content = append(node.Content, text(k[0]), text(k[1]))
		}
	}
	return node
}

// quiesce reads `quiesce: {during: post, max_wait: 30s, drain: 10s, workers: pause}`.
func (d *document) quiesce(path string, node *yaml.Node) {
	q := &graduate.Quiesce{During: graduate.QuiescePost}
	d.fields(path, node, "quiesce", []field{
		{"during", func(path string, node *yaml.Node) { q.During = d.text(path, node) }},
		{"max_wait", func(path string, node *yaml.Node) { q.MaxWait = d.duration(path, node) }},
		{"drain", func(path string, node *yaml.Node) { q.Drain = d.duration(path, node) }},
		{"workers", func(path string, node *yaml.Node) { q.Workers = d.text(path, node) }},
		{"max_waiting", func(path string, node *yaml.Node) { q.MaxWaiting = d.count(path, node) }},
		{"maintenance_page", func(path string, node *yaml.Node) { q.Page = d.text(path, node) }},
		{"required", func(path string, node *yaml.Node) { q.Optional = !d.truth(path, node) }},
	})
	d.group.Settings.Quiesce = q
}

// ParseQuiesce reads "during=post max_wait=30s", as a person types it; commas do as well, and "post" alone.
func ParseQuiesce(value string) (*graduate.Quiesce, error) {
	words := strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ',' })
	if len(words) == 0 {
		return nil, nil
	}
	q := &graduate.Quiesce{During: graduate.QuiescePost}
	seen := map[string]bool{}
	for n, word := range words {
		key, text, ok := strings.Cut(word, "=")
		if !ok && n == 0 {
			key, text = "during", word
		} else if !ok || text == "" {
			return nil, graduate.Errorf(graduate.Invalid, "quiesce: %q is not KEY=VALUE, such as max_wait=30s", word)
		}
		if seen[key] {
			return nil, graduate.Errorf(graduate.Invalid, "quiesce: %s is given twice", key)
		}
		seen[key] = true
		if err := setQuiesce(q, key, text); err != nil {
			return nil, graduate.Errorf(graduate.Invalid, "quiesce: %w", err)
		}
	}
	return q, nil
}

// setQuiesce sets one key.
func setQuiesce(q *graduate.Quiesce, key, text string) (err error) {
	switch key {
	case "during":
		q.During = text
	case "max_wait":
		q.MaxWait, err = duration(key, text)
	case "drain":
		q.Drain, err = duration(key, text)
	case "workers":
		q.Workers = text
	case "max_waiting":
		q.MaxWaiting, err = strconv.Atoi(text)
		if err != nil || q.MaxWaiting < 1 {
			return fmt.Errorf("max_waiting must be a whole number of at least 1, not %q", text)
		}
	case "maintenance_page":
		q.Page = text
	case "required":
		required, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("required must be true or false, not %q", text)
		}
		q.Optional = !required
	default:
		var keys []string
		for _, k := range quiesceKeys(q) {
			keys = append(keys, k[0])
		}
		return fmt.Errorf("there is no key %q; it may have %s", key, strings.Join(keys, ", "))
	}
	return err
}

func duration(key, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%s must be a duration such as 10s or 1m, not %q", key, text)
	}
	return d, nil
}

// quiesce checks a quiesce.
func (v *validator) quiesce(q graduate.Quiesce) {
	if q.During != graduate.QuiescePost {
		v.add("quiesce/during", "quiesce: during may be %s, not %q", graduate.QuiescePost, q.During)
	}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{{"max_wait", q.MaxWait}, {"drain", q.Drain}} {
		if d.value != 0 && (d.value < time.Second || d.value > maxRequestWait) {
			v.add("quiesce/"+d.key, "quiesce: %s must be between 1s and %s, not %s", d.key, FormatDuration(maxRequestWait), FormatDuration(d.value))
		}
	}
	if q.Workers != "" && !slices.Contains(oldWorkers(), q.Workers) {
		v.add("quiesce/workers", "quiesce: workers may be %s, not %q", strings.Join(oldWorkers(), ", "), q.Workers)
	}
	if q.MaxWaiting < 0 || q.MaxWaiting > maxWaiting {
		v.add("quiesce/max_waiting", "quiesce: max_waiting must be between 1 and %d, not %d", maxWaiting, q.MaxWaiting)
	}
	if q.Page != "" && !pageName.MatchString(q.Page) {
		v.add("quiesce/maintenance_page", "quiesce: maintenance_page %q must be the name of an .html file in %s", q.Page, HooksDir())
	}
}

// MaintenancePage reads a page of the hooks folder: a regular file that only the server's administrator can have put there,
// and that is no script.
func MaintenancePage(name string) ([]byte, error) {
	if !pageName.MatchString(name) {
		return nil, graduate.Errorf(graduate.Invalid, "maintenance page %q must be the name of an .html file in %s", name, HooksDir())
	}
	dir := HooksDir()
	if err := checkHooksDir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, name)
	info, err := os.Lstat(path)
	if err != nil {
		return nil, graduate.Errorf(graduate.NotFound, "the maintenance page %s cannot be read (%w): the server's administrator puts it into %s", name, err, dir)
	}
	if !info.Mode().IsRegular() {
		return nil, graduate.Errorf(graduate.Refused, "the maintenance page %s is not a regular file; a link is not followed", path)
	}
	if err := checkOwner(path, info); err != nil {
		return nil, err
	}
	if info.Mode()&0o111 != 0 {
		return nil, graduate.Errorf(graduate.Refused, "the maintenance page %s is executable, and a script is not shown to the public; as root: chmod a-x %s", path, path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, graduate.Errorf(graduate.Refused, "the maintenance page cannot be read: %w", err)
	}
	defer file.Close()
	page, err := io.ReadAll(io.LimitReader(file, maxPage+1))
	if err == nil && len(page) > maxPage {
		err = graduate.Errorf(graduate.Refused, "the maintenance page %s is larger than %d bytes", path, maxPage)
	}
	return page, err
}
