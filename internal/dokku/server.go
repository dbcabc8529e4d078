package dokku

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"syscall"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Server reads what there is to know of the machine, and of the group on it.
func (h *Host) Server(ctx context.Context, g *graduate.Group) (graduate.Server, error) {
	s := graduate.Server{MemoryFree: h.machine.free(), DiskFree: -1, Running: h.running(g.Name)}
	root, err := h.dockerRoot(ctx)
	if err != nil {
		return s, graduate.Errorf(graduate.Internal, "Docker does not answer (%w); start it and try again", err)
	}
	var fs syscall.Statfs_t
	if root != "" && syscall.Statfs(root, &fs) == nil {
		s.DiskFree = int64(fs.Bavail) * fs.Bsize
	}
	for _, hook := range g.Hooks {
		if hook.Host == "" || h.HookScript == nil {
			continue
		}
		if err := h.HookScript(hook.Host); err != nil {
			if s.Hosts == nil {
				s.Hosts = map[string]string{}
			}
			s.Hosts[hook.Host] = err.Error()
		}
	}
	if q := g.Settings.Quiesce; q != nil && q.Page != "" && h.Page != nil {
		if err := h.Page(q.Page); err != nil {
			s.Page = err.Error()
		}
	}
	return s, nil
}

// dockerRoot is the folder in which Docker keeps its images.
func (h *Host) dockerRoot(ctx context.Context) (string, error) {
	if !h.engine.usable(ctx) {
		return h.docker(ctx, "info", "--format", "{{.DockerRootDir}}")
	}
	var info struct{ DockerRootDir string }
	err := h.engine.get(ctx, "/info", nil, &info)
	return info.DockerRootDir, err
}

// running is the graduation of a group that is under way: the newest whose coordinator lives.
func (h *Host) running(group string) string {
	ids := h.RunIDs()
	slices.Reverse(ids)
	for _, id := range ids {
		data, err := os.ReadFile((&graduate.Run{Dir: h.RunDir(id)}).Record())
		var record graduate.Record
		if err != nil || json.Unmarshal(data, &record) != nil || record.Group != group {
			continue
		}
		if record.Status == graduate.StatusRunning && h.Alive(id) {
			return id
		}
	}
	return ""
}
