package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

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
		"all right": {all, nil, 0, []string{"ok     kafka: 1 brokers, Kafka ", "ok     topic orders: 3 partitions", "ok     clickhouse: version ",
			"note   topic afterclick.clicks: is not there yet", "ok     database " + o.Auth.Database + ": 1 tables", "ok     rights: default may", "data folder"}},
		"a topic is missing": {all[:3], nil, 1, []string{"WRONG  topic reviews: is not there: create it", "ok     topic orders"}},
		"another name":       {append(all[:3:3], "opinions"), []string{"sources=[{topic: clickstream, holds: clickstream}, {topic: orders, holds: orders}, {topic: deliveries, holds: deliveries}, {topic: opinions, holds: reviews}]"}, 0, []string{"ok     topic opinions"}},
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

// TestCheckRights logs in as users who may do all, little, and nothing.
func TestCheckRights(t *testing.T) {
	_, o := localtest.ClickHouse(t)
	allow := func(resource kmsg.ACLResourceType, name string, pattern kmsg.ACLResourcePatternType, ops ...kmsg.ACLOperation) (acls []kfake.ACL) {
		for _, op := range ops {
			acls = append(acls, kfake.ACL{Resource: resource, Name: name, Pattern: pattern, Operation: op, Allow: true})
		}
		return acls
	}
	const topic, literal, prefixed = kmsg.ACLResourceTypeTopic, kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLResourcePatternTypePrefixed
	all := allow(topic, "afterclick.", prefixed, kmsg.ACLOperationAll)
	all = append(all, allow(kmsg.ACLResourceTypeGroup, "afterclick.", prefixed, kmsg.ACLOperationAll)...)
	all = append(all, allow(kmsg.ACLResourceTypeTransactionalId, "afterclick", prefixed, kmsg.ACLOperationAll)...)
	var little []kfake.ACL
	for _, name := range []string{"clickstream", "orders", "deliveries", "reviews"} {
		all = append(all, allow(topic, name, literal, kmsg.ACLOperationRead, kmsg.ACLOperationDescribe)...)
		little = append(little, allow(topic, name, literal, kmsg.ACLOperationDescribe)...)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.SeedTopics(2, "clickstream", "orders", "deliveries", "reviews"), kfake.SeedTopics(2, "afterclick.clicks"),
		kfake.User("PLAIN", "all", "p", all...), kfake.User("PLAIN", "little", "p", little...), kfake.User("PLAIN", "nobody", "p"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]struct {
		code int
		says []string
	}{
		"all":    {0, []string{"ok     topic clickstream: 2 partitions", "ok     topic afterclick.clicks: 2 partitions"}},
		"little": {1, []string{"WRONG  topic clickstream: we must not read it", "WRONG  topic afterclick.clicks: ", "WRONG  group afterclick.routes: ", "WRONG  transactions: "}},
		"nobody": {1, []string{"WRONG  topic clickstream: ", "WRONG  group afterclick.sessions: "}},
	} {
		code, stdout, stderr := run(t, "", append(on(o), "check", "-s", "kafka.brokers="+cluster.ListenAddrs()[0], "-s", "kafka.sasl.mechanism=plain",
			"-s", "kafka.sasl.user="+user, "-s", "kafka.sasl.password_file="+password)...)
		if code != want.code || stderr != "" {
			t.Errorf("%s: code %d, want %d\n%s%s", user, code, want.code, stdout, stderr)
		}
		for _, s := range want.says {
			if !strings.Contains(stdout, s) {
				t.Errorf("%s: does not say %q:\n%s", user, s, stdout)
			}
		}
	}
}
