package graduate

import (
	"path"
	"slices"
	"strings"
)

// Ignore acknowledges differences between environments that are meant: [ROLE/]KIND[:NAME].
type Ignore struct {
	// Role is empty where all roles are meant, Name where all of the kind are; * in Name stands for any text.
	Role, Kind, Name string
}

// ParseIgnore reads one pattern of Settings.Ignore.
func ParseIgnore(pattern string) (Ignore, error) {
	head, name, named := strings.Cut(pattern, ":")
	role, kind, ofRole := strings.Cut(head, "/")
	if !ofRole {
		role, kind = "", head
	}
	switch {
	case ofRole && role == "", named && name == "", kind == "":
		return Ignore{}, Errorf(Invalid, "ignore %q is not [ROLE/]KIND[:NAME], such as portal/config:DEBUG or domains", pattern)
	case !slices.Contains(DifferenceKinds(), kind):
		return Ignore{}, Errorf(Invalid, "ignore %q: kind %q does not exist; it may be %s", pattern, kind, strings.Join(DifferenceKinds(), ", "))
	}
	if _, err := path.Match(name, ""); err != nil {
		return Ignore{}, Errorf(Invalid, "ignore %q: the name may have * for any text, and no open [ or \\ at its end", pattern)
	}
	return Ignore{role, kind, name}, nil
}

// Matches tells whether the difference is acknowledged.
func (i Ignore) Matches(d Difference) bool {
	if i.Kind != d.Kind || i.Role != "" && i.Role != d.Role {
		return false
	}
	if i.Name == "" || i.Name == d.Name {
		return true
	}
	// A * of path.Match ends at a slash, and that of a person does not: mounts:/data/* means all below.
	flat := strings.NewReplacer("/", "\x00")
	matched, err := path.Match(flat.Replace(i.Name), flat.Replace(d.Name))
	return err == nil && matched
}
