// Package store is the data model that portal and webservices share: one table in one PostgreSQL.
// Version vN of the apps needs the schema's generation N, the column gen_N; older versions do not
// mind newer columns, as each has a default.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// queryTime bounds each query.
const queryTime = 5 * time.Second

// poolSize is how many connections an app keeps.
const poolSize = 4

// Store is the shared table as one version of the apps sees it.
type Store struct {
	db         *sql.DB
	generation int // the schema that this version needs
}

// Open connects to DATABASE_URL on behalf of an app's version, whose name is that of its connections. It does not touch
// the schema.
func Open(app, version string) (*Store, error) {
	url := os.Getenv("DATABASE_URL")
	if url == "" {
		return nil, errors.New("DATABASE_URL is not set")
	}
	generation, err := Generation(version)
	if err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["application_name"] = app + "-" + version
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(poolSize)
	db.SetMaxIdleConns(poolSize)
	if err := warmUp(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Store{db: db, generation: generation}, nil
}

// warmUp opens the connections at once, so that the first requests do not wait for them.
func warmUp(db *sql.DB) error {
	ctx, cancel := context.WithTimeout(context.Background(), queryTime)
	defer cancel()
	for range poolSize {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }() // back to the pool
	}
	return nil
}

// Close ends the connections.
func (s *Store) Close() error { return s.db.Close() }

// Generation is the number in a version: 3 for v3.
func Generation(version string) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(version, "v"))
	if err != nil || n < 1 {
		return 0, fmt.Errorf("version %q has no generation: it is to be v1, v2, …", version)
	}
	return n, nil
}

// column is what this version added to the table; the first version has the bare table.
func (s *Store) column() string {
	if s.generation < 2 {
		return "item"
	}
	return fmt.Sprintf("gen_%d", s.generation)
}

// Recent counts the latest orders (100 at most), by way of this version's own column.
func (s *Store) Recent(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	var n int
	query := fmt.Sprintf("SELECT count(latest.c) FROM (SELECT %s AS c FROM orders ORDER BY id DESC LIMIT 100) latest", s.column())
	err := s.db.QueryRowContext(ctx, query).Scan(&n)
	return n, err
}

// Order writes an order with this version's own column and returns its number.
func (s *Store) Order(ctx context.Context, by string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	query, args := "INSERT INTO orders (item, quantity) VALUES ($1, 1) RETURNING id", []any{by}
	if s.generation >= 2 {
		query = fmt.Sprintf("INSERT INTO orders (item, quantity, %s) VALUES ($1, 1, $2) RETURNING id", s.column())
		args = append(args, by)
	}
	var id int64
	err := s.db.QueryRowContext(ctx, query, args...).Scan(&id)
	return id, err
}
