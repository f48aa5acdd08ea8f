package command

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/afterclick/afterclick/deploy/local/localtest"
)

// TestCheck looks at real servers in several states of disrepair.
func TestCheck(t *testing.T) {
	conn, o := localtest.ClickHouse(t)
	if err := conn.Exec(t.Context(), "CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n"); err != nil {
		t.Fatal(err)
	}
	all := []string{"clickstream", "orders:3", "deliveries", "reviews"}
	for name, c := range map[string]struct {
		topics []string
		set    []string
		code   int
		says   []string
	}{
		"all right": {all, nil, 0, []string{"ok     kafka: 1 brokers, version ", "ok     topic orders: 3 partitions", "ok     clickhouse: version ",
			"note   topic afterclick.clicks: is not there yet", "ok     database " + o.Auth.Database + ": 1 tables", "ok     rights: default may", "data folder"}},
		"a topic is missing": {all[:3], nil, 1, []string{"WRONG  topic reviews: is not there: create it", "ok     topic orders"}},
		"another name":       {append(all[:3:3], "opinions"), []string{"topics.reviews=opinions"}, 0, []string{"ok     topic opinions"}},
		"keys have moved": {append(all[:4:4], "afterclick.journeys:6", "afterclick.journeys.state:3"), nil, 1,
			[]string{"WRONG  topic afterclick.journeys.state: has 3 partitions, but afterclick.journeys, whose states it keeps, has 6"}},
		"too few brokers":     {all, []string{"topics.replication=3"}, 1, []string{"WRONG  kafka: topics.replication is 3, but there are 1 brokers"}},
		"no database":         {all, []string{"clickhouse.database=nowhere"}, 0, []string{"note   database nowhere: is not there yet; afterclick migrate creates it"}},
		"no Kafka":            {nil, []string{"kafka.brokers=127.0.0.1:1"}, 1, []string{"WRONG  kafka: 127.0.0.1:1: ", "is kafka.brokers right?", "ok     clickhouse"}},
		"no ClickHouse":       {all, []string{"clickhouse.address=http://127.0.0.1:1"}, 1, []string{"WRONG  clickhouse: http://127.0.0.1:1: ", "is clickhouse.address right?", "ok     kafka"}},
		"wrong user":          {all, []string{"clickhouse.user=nobody"}, 1, []string{"WRONG  clickhouse: ", "see clickhouse.user and clickhouse.password_file"}},
		"folder is no folder": {all, []string{"data_dir=check_test.go"}, 1, []string{"WRONG  data folder: check_test.go is no folder"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append(on(o), "check", "--timeout", "3s", "-s", "data_dir="+t.TempDir())
			if c.topics != nil {
				args = append(args, "-s", "kafka.brokers="+localtest.Kafka(t, c.topics...)[0])
			}
			for _, s := range c.set {
				args = append(args, "-s", s)
			}
			code, stdout, stderr := run(t, "", args...)
			if code != c.code || stderr != "" {
				t.Errorf("code %d, want %d\n%s%s", code, c.code, stdout, stderr)
			}
			for _, want := range c.says {
				if !strings.Contains(stdout, want) {
					t.Errorf("does not say %q:\n%s", want, stdout)
				}
			}
		})
	}
	dir := t.TempDir()
	args := append(on(o), "check", "-s", "kafka.brokers="+localtest.Kafka(t, all...)[0], "-s", "data_dir="+dir)
	if code, stdout, _ := run(t, "", args...); code != 0 || !strings.Contains(stdout, "ok     data folder") {
		t.Errorf("code %d\n%s", code, stdout)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("check left %v", left)
	}
}
