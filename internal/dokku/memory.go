package dokku

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// machine is where the kernel tells of processes and of control groups.
type machine struct{ proc, cgroup string }

var thisMachine = machine{proc: "/proc", cgroup: "/sys/fs/cgroup"}

// control is one control group with a memory controller: of version 1 (memory/…) or of version 2.
type control struct {
	dir string
	v2  bool
}

// used is the memory in use without the file cache that the kernel would give back, as `docker stats` counts it.
func (c control) used() (int64, bool) {
	usage, inactive := "memory.usage_in_bytes", "total_inactive_file"
	if c.v2 {
		usage, inactive = "memory.current", "inactive_file"
	}
	used, ok := number(filepath.Join(c.dir, usage))
	if !ok {
		return 0, false
	}
	data, _ := os.ReadFile(filepath.Join(c.dir, "memory.stat"))
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == inactive {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			return max(used-n, 0), true
		}
	}
	return used, true
}

// limit is the memory that the group may have; ok is false where it has no limit.
func (c control) limit() (int64, bool) {
	if c.v2 {
		return number(filepath.Join(c.dir, "memory.max")) // "max" is no number
	}
	return number(filepath.Join(c.dir, "memory.limit_in_bytes"))
}

func number(path string) (int64, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n, err == nil
}

// memory is what a container uses now. Its control group is that of its process, else where Docker makes it with
// either of its drivers (cgroupfs, systemd).
func (m machine) memory(c dockerContainer) (int64, bool) {
	var groups []control
	data, _ := os.ReadFile(filepath.Join(m.proc, strconv.Itoa(c.State.Pid), "cgroup"))
	for line := range strings.Lines(string(data)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		// Where Dokku is itself in a container, the number may be that of another process.
		if len(fields) < 3 || !strings.Contains(fields[2], c.ID) {
			continue
		}
		if v2 := fields[1] == ""; v2 || strings.Contains(","+fields[1]+",", ",memory,") {
			groups = append(groups, m.group(v2, fields[2]))
		}
	}
	for _, v2 := range []bool{false, true} {
		groups = append(groups, m.group(v2, "docker/"+c.ID), m.group(v2, "system.slice/docker-"+c.ID+".scope"))
	}
	for _, g := range groups {
		if used, ok := g.used(); ok {
			return used, true
		}
	}
	return 0, false
}

func (m machine) group(v2 bool, path string) control {
	if v2 {
		return control{filepath.Join(m.cgroup, path), true}
	}
	return control{filepath.Join(m.cgroup, "memory", path), false}
}

// free is the memory that new containers can have: what the kernel says is available, swap included, and not more than what the
// limits above Docker's containers leave, where the whole machine is a container. -1 where it cannot be told.
func (m machine) free() int64 {
	data, _ := os.ReadFile(filepath.Join(m.proc, "meminfo"))
	kilobytes := map[string]int64{}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) == 3 {
			if n, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				kilobytes[fields[0]] = n
			}
		}
	}
	available, ok := kilobytes["MemAvailable:"]
	if !ok {
		return -1
	}
	free := (available + kilobytes["SwapFree:"]) * 1024
	for _, path := range []string{"", "docker"} {
		for _, v2 := range []bool{false, true} {
			group := m.group(v2, path)
			limit, limited := group.limit()
			if used, ok := group.used(); ok && limited {
				free = min(free, max(limit-used, 0))
			}
		}
	}
	return free
}
