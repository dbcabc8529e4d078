package dokku

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

const (
	// plansKept is how many plans are kept, the newest.
	plansKept = 100
	// saltLength is the length of the server's secret in bytes.
	saltLength = 32
)

// planID is the form of a plan's id, or of its beginning.
var planID = regexp.MustCompile(`^[0-9a-f]{1,64}$`)

func (h *Host) plansDir() string { return filepath.Join(h.DataDir(), "plans") }

// storedPlan is a plan as it is kept: with the digests of its parts, which no format shows.
type storedPlan struct {
	Plan  *graduate.Plan    `json:"plan"`
	Parts map[string]string `json:"parts"`
}

// Secret is the server's own key for digests. It is made at the first call; of several at once all get the same.
func (h *Host) Secret() ([]byte, error) {
	path := filepath.Join(h.plansDir(), "salt")
	for {
		salt, err := os.ReadFile(path)
		switch {
		case err == nil && len(salt) == saltLength:
			return salt, nil
		case err == nil:
			return nil, graduate.Errorf(graduate.Internal, "%s is damaged; remove it: plans made before will count as changed", path)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
		if err := h.makeSecret(path); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
}

// makeSecret makes the secret whole or not at all: a link to a finished file fails where there is one already.
func (h *Host) makeSecret(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".salt-") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	salt := make([]byte, saltLength)
	_, _ = rand.Read(salt) // it never fails
	_, err = file.Write(salt)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Link(file.Name(), path)
}

// SavePlan keeps a plan, and drops the oldest beyond the number that is kept.
func (h *Host) SavePlan(p *graduate.Plan) error {
	if !planID.MatchString(p.ID) {
		return graduate.Errorf(graduate.Internal, "a plan cannot be kept under the id %q", p.ID)
	}
	data, err := json.Marshal(storedPlan{p, p.Parts})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(h.plansDir(), 0o700); err != nil {
		return err
	}
	if err := renameio.WriteFile(h.planFile(p.ID), data, 0o600); err != nil {
		return err
	}
	ids := h.Plans()
	for _, id := range ids[min(plansKept, len(ids)):] {
		if err := os.Remove(h.planFile(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (h *Host) planFile(id string) string { return filepath.Join(h.plansDir(), id+".json") }

// Plans lists the ids of the plans that are kept, the newest first.
func (h *Host) Plans() []string {
	entries, err := os.ReadDir(h.plansDir())
	if err != nil {
		return nil
	}
	type plan struct {
		id   string
		made int64
	}
	var plans []plan
	for _, entry := range entries {
		id, ok := strings.CutSuffix(entry.Name(), ".json")
		if info, err := entry.Info(); err == nil && ok && planID.MatchString(id) {
			plans = append(plans, plan{id, info.ModTime().UnixNano()})
		}
	}
	slices.SortFunc(plans, func(a, b plan) int { return cmp.Or(cmp.Compare(b.made, a.made), strings.Compare(a.id, b.id)) })
	ids := make([]string, len(plans))
	for i, p := range plans {
		ids[i] = p.id
	}
	return ids
}

// LoadPlan reads a plan by its id, or by a beginning of it that only one has.
func (h *Host) LoadPlan(id string) (*graduate.Plan, error) {
	if !planID.MatchString(id) {
		return nil, graduate.Errorf(graduate.Invalid, "%q is no plan's id; dokku graduate:plan shows it, such as 3f9a0c1b2d4e", id)
	}
	ids := h.Plans()
	found := slices.DeleteFunc(slices.Clone(ids), func(each string) bool { return !strings.HasPrefix(each, id) })
	if slices.Contains(ids, id) {
		found = []string{id}
	}
	switch len(found) {
	case 0:
		return nil, graduate.Errorf(graduate.NotFound, "there is no plan %s (the newest %d are kept); make another with dokku graduate:plan", id, plansKept)
	case 1:
	default:
		return nil, graduate.Errorf(graduate.Invalid, "several plans begin with %s (%s); name one of them", id, strings.Join(found, ", "))
	}
	data, err := os.ReadFile(h.planFile(found[0]))
	if err != nil {
		return nil, err
	}
	var stored storedPlan
	if err := json.Unmarshal(data, &stored); err != nil || stored.Plan == nil {
		return nil, graduate.Errorf(graduate.Internal, "the plan %s is damaged; make it again with dokku graduate:plan", found[0])
	}
	stored.Plan.Parts = stored.Parts
	return stored.Plan, nil
}
