package journal

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// WriteRecord puts the record of a run in place, in one step.
func WriteRecord(path string, r graduate.Record) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(path, append(data, '\n'), 0o600, renameio.WithTempDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("record %s: %w", path, err)
	}
	return nil
}

// ReadRecord reads the record of a run.
func ReadRecord(path string) (graduate.Record, error) {
	var r graduate.Record
	data, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("record %s: %w", path, err)
	}
	return r, nil
}
