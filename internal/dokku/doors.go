package dokku

import (
	"bytes"
	"fmt"
	"os"
	"slices"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// CheckDoors refuses to let an app stand still whose requests nginx would send to the paused instances all the same.
func (h *Host) CheckDoors(r *graduate.Run, doors []graduate.Door) error {
	for _, a := range r.Apps {
		if a.First || !h.Proxied(a.Target) || !h.served(a.Target) || slices.ContainsFunc(doors, func(d graduate.Door) bool { return d.App == a.Target }) {
			continue
		}
		return &graduate.StepError{Role: a.Role, App: a.Target, Err: fmt.Errorf("requests of %s cannot wait: nginx has no way into the waiting room for them, "+
			"and would ask paused instances (graduate:run --no-quiesce does without)", a.Target)}
	}
	return nil
}

// served tells whether nginx sends requests to an app's web processes.
func (h *Host) served(app string) bool {
	conf, err := os.ReadFile(h.NginxConf(app))
	return err == nil && len(bytes.TrimSpace(conf)) > 0 && h.listens(app)
}
