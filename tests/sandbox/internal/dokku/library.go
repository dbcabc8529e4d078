package dokku

import (
	"embed"
	"os"
	"path/filepath"
)

// The shell libraries have the names and functions of Dokku's that third-party
// plugins use; what they do is done by the sandbox's binary.
//
//go:embed library
var libraries embed.FS

// libraryPlaces says where the libraries belong among the core plugins.
var libraryPlaces = map[string]string{
	"checks.sh":   "checks/functions",
	"common.sh":   "common/functions",
	"config.sh":   "config/functions",
	"nginx.sh":    "nginx-vhosts/functions",
	"property.sh": "common/property-functions",
}

func (l Layout) installLibraries() error {
	for name, place := range libraryPlaces {
		data, err := libraries.ReadFile("library/" + name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(l.CorePlugins(), "available", place), data, 0o755); err != nil {
			return err
		}
	}
	internal := filepath.Join(l.CorePlugins(), "available", "nginx-vhosts", "internal-functions")
	return os.Symlink("functions", internal)
}
