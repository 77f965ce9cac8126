// Package warehouse keeps stock levels in PostgreSQL.
package warehouse

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand"
	"time"

	"github.com/lib/pq"
)

var ErrShort = errors.New("warehouse: not enough stock")

type Repository struct {
	db *sql.DB
}

func NewRepository(db *sql.DB) *Repository { return &Repository{db: db} }

type Item struct {
	SKU      string
	Shelf    string
	Quantity int
	Counted  sql.NullTime
}

const selectItems = `
	SELECT sku, shelf, quantity, counted_at
	  FROM stock
	 WHERE shelf LIKE $1 || '%'
	 ORDER BY shelf, sku`

// ByShelf returns the items on all shelves with the prefix, e.g. "B2" for B2-01 to B2-17.
func (r *Repository) ByShelf(ctx context.Context, prefix string) (items []Item, err error) {
	rows, err := r.db.QueryContext(ctx, selectItems, prefix)
	if err != nil {
		return nil, fmt.Errorf("list shelf %s: %w", prefix, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()

	for rows.Next() {
		var it Item
		if err := rows.Scan(&it.SKU, &it.Shelf, &it.Quantity, &it.Counted); err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	return items, rows.Err()
}

// Pick takes all lines of an order from stock, or none of them.
func (r *Repository) Pick(ctx context.Context, order int64, lines map[string]int) error {
	return r.serializable(ctx, func(tx *sql.Tx) error {
		for sku, n := range lines {
			res, err := tx.ExecContext(ctx,
				`UPDATE stock SET quantity = quantity - $2 WHERE sku = $1 AND quantity >= $2`, sku, n)
			if err != nil {
				return err
			}
			if affected, _ := res.RowsAffected(); affected == 0 {
				return fmt.Errorf("%w: %d of %s", ErrShort, n, sku)
			}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO picks (order_id, picked_at) VALUES ($1, now())`, order)
		return err
	})
}

// serializable runs f in a transaction, again and again while the database asks for it.
func (r *Repository) serializable(ctx context.Context, f func(*sql.Tx) error) error {
	const attempts = 5
	var err error
	for i := 0; i < attempts; i++ {
		if err = r.once(ctx, f); !isSerializationFailure(err) {
			return err
		}
		pause := time.Duration(1<<i)*10*time.Millisecond + time.Duration(rand.Intn(5))*time.Millisecond
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	return fmt.Errorf("gave up after %d attempts: %w", attempts, err)
}

func (r *Repository) once(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

func isSerializationFailure(err error) bool {
	var pqErr *pq.Error
	return errors.As(err, &pqErr) && pqErr.Code == "40001"
}
