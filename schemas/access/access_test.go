package access_test

import (
	"context"
	"testing"

	"github.com/afterclick/afterclick/deploy/local/localtest"
	"github.com/afterclick/afterclick/schemas/access"
)

// TestStatements: ClickHouse's own parser takes every statement, and knows every setting. (The embedded engine has no users to run them.)
func TestStatements(t *testing.T) {
	conn, _ := localtest.ClickHouse(t)
	ctx := context.Background()
	for _, s := range access.Statements("a`b") {
		var formatted string
		if err := conn.QueryRow(ctx, "SELECT formatQuery(?)", s).Scan(&formatted); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for name := range access.Limits {
		var n uint64
		if err := conn.QueryRow(ctx, "SELECT count() FROM system.settings WHERE name = ?", name).Scan(&n); err != nil || n != 1 {
			t.Errorf("there is no setting %s (%v)", name, err)
		}
	}
}
