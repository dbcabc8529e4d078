package store

import (
	"context"
	"fmt"
	"time"
)

// migrateTime bounds a migration.
const migrateTime = time.Minute

// base is the first generation: the table, and the record of what was migrated.
const base = `
CREATE TABLE IF NOT EXISTS generations (n int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS orders (
	id bigserial PRIMARY KEY, item text NOT NULL, quantity int NOT NULL,
	at timestamptz NOT NULL DEFAULT now())`

// strict is a rule that the data of a real life may break; then the migration fails.
const strict = `ALTER TABLE orders ADD CONSTRAINT orders_quantity CHECK (quantity > 0)`

// Change is what a migration does besides adding what its version needs.
type Change struct {
	// Strict adds the rule that each order has a quantity.
	Strict bool
	// Breaking leaves nothing to earlier versions: they cannot write without this version's column, nor read by their own.
	Breaking bool
	// Busy is how long the migration works on after its change of the schema.
	Busy time.Duration
}

// Migrate brings the schema to this version's generation, all of it or nothing, and returns the
// generations that it added. Its first and its last statement say so in the server's log.
func (s *Store) Migrate(ctx context.Context, change Change) ([]int, error) {
	ctx, cancel := context.WithTimeout(ctx, migrateTime)
	defer cancel()
	if _, err := s.db.ExecContext(ctx, "SELECT 'the migration begins'"); err != nil {
		return nil, err
	}
	added, err := s.alter(ctx, change)
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(change.Busy):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	_, err = s.db.ExecContext(ctx, "SELECT 'the migration ends'")
	return added, err
}

// alter changes the schema in one transaction.
func (s *Store) alter(ctx context.Context, change Change) ([]int, error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	// One migration at a time, also the first.
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(20260101)"); err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, base); err != nil {
		return nil, err
	}
	var current int
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(n), 0) FROM generations").Scan(&current); err != nil {
		return nil, err
	}
	var added []int
	for n := current + 1; n <= s.generation; n++ {
		if n > 1 {
			add := fmt.Sprintf("ALTER TABLE orders ADD COLUMN gen_%d text NOT NULL DEFAULT ''", n)
			if _, err := tx.ExecContext(ctx, add); err != nil {
				return nil, err
			}
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO generations (n) VALUES ($1)", n); err != nil {
			return nil, err
		}
		added = append(added, n)
	}
	for _, line := range s.changes(change) {
		if len(added) == 0 {
			break
		}
		if _, err := tx.ExecContext(ctx, line); err != nil {
			return nil, err
		}
	}
	return added, tx.Commit()
}

// changes are the statements of a change.
func (s *Store) changes(change Change) []string {
	var lines []string
	if change.Strict {
		lines = append(lines, strict)
	}
	if change.Breaking && s.generation > 1 {
		lines = append(lines, fmt.Sprintf("ALTER TABLE orders ALTER COLUMN %s DROP DEFAULT", s.column()))
	}
	if change.Breaking && s.generation > 2 {
		lines = append(lines, fmt.Sprintf("ALTER TABLE orders DROP COLUMN gen_%d", s.generation-1))
	}
	return lines
}

// Revert takes a breaking migration back, as far as earlier versions need it.
func (s *Store) Revert(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrateTime)
	defer cancel()
	lines := []string{
		fmt.Sprintf("ALTER TABLE orders DROP COLUMN IF EXISTS %s", s.column()),
		fmt.Sprintf("DELETE FROM generations WHERE n >= %d", s.generation),
	}
	if s.generation > 2 {
		lines = append(lines, fmt.Sprintf("ALTER TABLE orders ADD COLUMN IF NOT EXISTS gen_%d text NOT NULL DEFAULT ''", s.generation-1))
	}
	for _, line := range lines {
		if _, err := s.db.ExecContext(ctx, line); err != nil {
			return err
		}
	}
	return nil
}
