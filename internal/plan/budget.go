package plan

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// findInMemory says whether the candidates fit beside what runs now. What they surely take is an error; what their limits
// allow is none, as limits are often far above what an app uses.
func (p *planner) findInMemory() {
	var sure, most int64
	var unknown []string
	for _, r := range p.roles {
		if !r.moves() {
			continue
		}
		s, m, known := r.memory()
		sure, most = sure+s, most+m
		if !known {
			unknown = append(unknown, r.target.App)
		}
	}
	room := "make room, lower the limits (dokku resource:limit), or graduate fewer apps at once (--only)"
	free := p.server.MemoryFree
	switch {
	case most == 0 && len(unknown) == 0:
	case free < 0:
		p.add(MemoryUnknown, nil, "", "it cannot be told how much memory is free", "see that two generations of the apps fit: free --human")
	case sure > free:
		p.add(Memory, nil, "", fmt.Sprintf("the new generation needs %s of memory beside the old one, and %s are free", size(sure), size(free)), room)
	case most > free:
		p.addAs(graduate.SeverityWarning, Memory, nil, "", fmt.Sprintf("up to its limits the new generation may take %s of memory beside the old one, and %s are free", size(most), size(free)), room)
	case len(unknown) > 0:
		p.add(MemoryUnknown, nil, "", "it cannot be told how much memory the new generation needs: no limit is set, and nothing runs, for "+list(unknown),
			"dokku resource:limit --memory 512 APP")
	}
}

// memory is what the candidates of a role surely take, and what they may take at most.
func (r *role) memory() (sure, most int64, known bool) {
	known = true
	for _, name := range r.types() {
		count := int64(r.scale(name))
		if count == 0 {
			continue
		}
		s, m, ok := r.memoryOf(name)
		known = known && ok
		sure, most = sure+count*s, most+count*m
	}
	return sure, most, known
}

// memoryOf is what one container of a process type takes: surely what is reserved for it, else what one uses now; at
// most its limit, where one is set.
func (r *role) memoryOf(name string) (sure, most int64, known bool) {
	for _, f := range []graduate.Facts{r.source, r.target} {
		if bytes, ok := f.Around.Memory[name]; ok && bytes > 0 {
			sure, known = bytes, true
		}
	}
	if bytes, ok := r.resource(name, "reserve memory"); ok {
		sure, known = bytes, true
	}
	most = sure
	if bytes, ok := r.resource(name, "limit memory"); ok {
		most, known = bytes, true
	}
	return min(sure, most), most, known
}

// resource is a size that is set for a process type, or for all.
func (r *role) resource(name, what string) (int64, bool) {
	for _, of := range []string{name, "_default_"} {
		if bytes, ok := parseSize(r.target.Around.Resources[of][what]); ok {
			return bytes, true
		}
	}
	return 0, false
}

// parseSize reads Dokku's sizes: 512m, 2g, 1073741824b; a number alone is in megabytes. 0 is no limit.
func parseSize(text string) (int64, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	digits := strings.TrimRight(text, "bkmgt")
	units := map[string]int64{"b": 1, "k": 1 << 10, "kb": 1 << 10, "": 1 << 20, "m": 1 << 20, "mb": 1 << 20, "g": 1 << 30, "gb": 1 << 30, "t": 1 << 40, "tb": 1 << 40}
	unit, ok := units[text[len(digits):]]
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || n <= 0 || n > float64(1<<62)/float64(unit) {
		return 0, false
	}
	return int64(n * float64(unit)), true
}

// size is a number of bytes as people say it.
func size(bytes int64) string {
	if bytes >= 1_000_000_000 {
		return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
	}
	return fmt.Sprintf("%d MB", bytes/1_000_000)
}

// What a graduation writes, apart from what the apps do: logs, copies and the new containers' own layers. The layers
// of the images are on this server already, as the source runs them.
const (
	diskMargin    = 256 << 20
	diskMarginApp = 16 << 20
)

// findInDisk says whether there is room on the disk for a graduation at all.
func (p *planner) findInDisk() {
	need := int64(diskMargin)
	for _, r := range p.roles {
		if r.moves() {
			need += diskMarginApp
		}
	}
	switch free := p.server.DiskFree; {
	case !p.any((*role).moves):
	case free < 0:
		p.add(DiskUnknown, nil, "", "it cannot be told how much disk is free", "see that there is room for new images and containers: df --human-readable")
	case free < need:
		p.add(Disk, nil, "", fmt.Sprintf("%s of disk are free, and a graduation needs room for %s", size(free), size(need)),
			"make room: dokku cleanup, docker image prune")
	}
}

// findInConnections says whether two generations at once stay within the budget of database connections.
func (p *planner) findInConnections() {
	budget := p.g.Settings.Connections
	if budget == nil || budget.Limit <= 0 || !p.any((*role).moves) {
		return
	}
	total := 0
	var parts []string
	for _, r := range p.roles {
		each := budget.Roles[r.Name]
		if each == 0 {
			continue
		}
		if r.overlaps() {
			total += 2 * each
			parts = append(parts, fmt.Sprintf("%s 2 × %d", r.Name, each))
			continue
		}
		total += each
		parts = append(parts, fmt.Sprintf("%s %d", r.Name, each))
	}
	if total > budget.Limit {
		p.add(TooManyConnections, nil, "", fmt.Sprintf("two generations at once open %d database connections, and there may be %d (%s)", total, budget.Limit, list(parts)),
			fmt.Sprintf("let the apps open fewer, raise the budget (dokku graduate:set %s connections limit=…), or graduate fewer roles at once (--only)", p.g.Name))
	}
}
