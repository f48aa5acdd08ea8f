package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/afterclick/afterclick/deploy/config"
)

const (
	oldestClickHouse = 25 // year of the oldest version that we test
	clockTolerance   = 5 * time.Second
	diskLow          = 0.1
)

// checkClickHouse looks at version, clock, database, rights and disks. It only selects.
func checkClickHouse(ctx context.Context, c *config.Config, r *report) {
	const about = "clickhouse"
	options, err := c.ClickHouse.Options()
	if err != nil {
		r.add(wrong, about, "%v", err)
		return
	}
	// The database may not be there yet, and then nobody can connect to it.
	database := options.Auth.Database
	options.Auth.Database = "default"
	options.DialTimeout = 5 * time.Second
	conn, err := clickhouse.Open(&options)
	if err != nil {
		r.add(wrong, about, "%v", err)
		return
	}
	defer conn.Close()

	var version, user string
	var clock time.Time
	asked := time.Now()
	if err := conn.QueryRow(ctx, "SELECT version(), currentUser(), now64(3, 'UTC')").Scan(&version, &user, &clock); err != nil {
		r.add(wrong, about, "%s: %s%s", c.ClickHouse.Address, firstLine(err), clickHouseAdvice(err))
		return
	}
	took := time.Since(asked)
	r.add(fine, about, "version %s, as user %s", version, user)
	var year int
	if _, err := fmt.Sscanf(version, "%d.", &year); err == nil && year < oldestClickHouse {
		r.add(worth, about, "version %s is older than %d.x, with which we test: upgrade it if something fails", version, oldestClickHouse)
	}
	// The server answered between asked and asked+took.
	if d := clock.Sub(asked.Add(took/2)).Abs() - took/2; d > clockTolerance {
		r.add(worth, about, "its clock and ours differ by %s: lags and open promises will look wrong; set both by NTP", d.Round(time.Second))
	}

	about2 := "database " + database
	var there uint64
	if err := conn.QueryRow(ctx, "SELECT count() FROM system.databases WHERE name = {name:String}", clickhouse.Named("name", database)).Scan(&there); err != nil {
		r.add(wrong, about2, "look it up: %s", firstLine(err))
		return
	}
	if there == 0 {
		r.add(worth, about2, "is not there yet; afterclick migrate creates it")
	} else {
		var tables uint64
		if err := conn.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = {name:String}", clickhouse.Named("name", database)).Scan(&tables); err != nil {
			r.add(wrong, about2, "count its tables: %s", firstLine(err))
			return
		}
		r.add(fine, about2, "%d tables and views", tables)
	}
	checkRights(ctx, conn, database, user, r)
	checkDisks(ctx, conn, r)
}

// checkRights asks for each right that the pipeline needs. Servers before 24.10 cannot say.
func checkRights(ctx context.Context, conn clickhouse.Conn, database, user string, r *report) {
	var missing []string
	for _, right := range []string{"SELECT", "INSERT", "CREATE TABLE", "CREATE VIEW", "ALTER TABLE", "DROP TABLE", "DROP VIEW"} {
		var granted uint8
		err := conn.QueryRow(ctx, fmt.Sprintf("CHECK GRANT %s ON `%s`.*", right, database)).Scan(&granted)
		if err != nil {
			r.add(worth, "rights", "this server cannot tell them: %s", firstLine(err))
			return
		}
		if granted == 0 {
			missing = append(missing, right)
		}
	}
	if len(missing) > 0 {
		r.add(wrong, "rights", "%s lacks %s: GRANT %s ON %s.* TO %s", user, strings.Join(missing, ", "), strings.Join(missing, ", "), database, user)
		return
	}
	r.add(fine, "rights", "%s may read, insert, create, alter and drop in %s", user, database)
}

func checkDisks(ctx context.Context, conn clickhouse.Conn, r *report) {
	rows, err := conn.Query(ctx, "SELECT name, free_space, total_space FROM system.disks")
	if err != nil {
		r.add(worth, "disks", "cannot be seen: %s", firstLine(err))
		return
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var free, total uint64
		if err := rows.Scan(&name, &free, &total); err != nil {
			r.add(worth, "disks", "cannot be seen: %s", firstLine(err))
			return
		}
		// Object storage says that it has no size, or all of 64 bits.
		if total > 0 && total < 1<<62 && float64(free) < diskLow*float64(total) {
			r.add(worth, "disks", "%s has %d GB left of %d: make room, or ClickHouse will refuse inserts", name, free>>30, total>>30)
		}
	}
	if err := rows.Err(); err != nil {
		r.add(worth, "disks", "cannot be seen: %s", firstLine(err))
	}
}

func firstLine(err error) string {
	e := (*clickhouse.Exception)(nil)
	if errors.As(err, &e) {
		err = errors.New(e.Message)
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimSpace(line)
}

func clickHouseAdvice(err error) string {
	e := (*clickhouse.Exception)(nil)
	switch {
	case errors.As(err, &e) && (e.Code == 516 || e.Code == 192 || e.Code == 193 || e.Code == 194):
		return "; see clickhouse.user and clickhouse.password_file"
	case strings.Contains(err.Error(), "unexpected packet"), strings.Contains(err.Error(), "malformed HTTP"):
		return "; clickhouse:// is for port 9000, http:// for port 8123"
	case strings.Contains(err.Error(), "tls:"), strings.Contains(err.Error(), "x509:"):
		return "; see the part before :// and ?secure=true in clickhouse.address"
	}
	return "; is it running, and is clickhouse.address right?"
}
