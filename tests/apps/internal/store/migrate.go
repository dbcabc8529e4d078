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

// Migrate brings the schema to this version's generation, all of it or nothing, and returns the
// generations that it added. addRule also adds the rule that each order has a quantity.
func (s *Store) Migrate(ctx context.Context, addRule bool) ([]int, error) {
	ctx, cancel := context.WithTimeout(ctx, migrateTime)
	defer cancel()
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
	if addRule && len(added) > 0 {
		if _, err := tx.ExecContext(ctx, strict); err != nil {
			return nil, err
		}
	}
	return added, tx.Commit()
}
