package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/afterclick/afterclick/ingest"
)

var update = flag.Bool("update", false, "write the example file anew")

// TestExample: the example file has every key with its comment and default, and reads back as the defaults.
func TestExample(t *testing.T) {
	const file = "../afterclick.example.yaml"
	want := Default().Print()
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not the defaults: run go test ./deploy/config -run TestExample -update, and look at the difference", file)
	}
	c, err := Load(file, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c, Default()) {
		t.Errorf("the example reads as %+v, the defaults are %+v", c, Default())
	}
	envs := map[string]bool{}
	for _, k := range c.keys() {
		if k.about == "" {
			t.Errorf("%s has no comment", k.path)
		}
		if !strings.Contains(string(got), "# "+k.about+"\n") || !strings.Contains(string(got), k.name()+":") {
			t.Errorf("%s or its comment is not in the example", k.path)
		}
		if !k.group && envs[k.env()] {
			t.Errorf("two keys are %s", k.env())
		}
		envs[k.env()] = envs[k.env()] || !k.group
	}
}

// TestPrintReadsBack: whatever is set, what Print writes reads as the same configuration.
func TestPrintReadsBack(t *testing.T) {
	c := Default()
	for i, k := range c.keys() {
		switch k.value.Kind() {
		case reflect.String:
			if !k.secret() {
				k.value.SetString(fmt.Sprintf(`v%d: "#x", 'y' - ü`, i))
			}
		case reflect.Int:
			k.value.SetInt(int64(i + 1000))
		case reflect.Int64:
			k.value.SetInt(int64(i+7) * int64(time.Minute))
		case reflect.Bool:
			k.value.SetBool(true)
		case reflect.Slice:
			if k.list() {
				k.value.Set(reflect.ValueOf([]Source{
					{Topic: `v: "#x", 'y' - ü`, Holds: Words{"clickstream", "orders"}, Format: "a+b", Source: "- x", Fields: map[string]string{"a b": "$.x['y']", "1": "no"},
						Types: map[string]string{"Order Completed": "true"}, Statuses: map[string]string{"7": "~"}, Zone: "a.B",
						Registry: Registry{URL: "http://x", User: "u: v", PasswordFile: "p", CA: "c"}},
					{Topic: "b", Holds: Words{"reviews"}},
				}))
				continue
			}
			k.value.Set(reflect.ValueOf([]string{"a:1", "true", "b, c"}))
		}
	}
	got := Default()
	if err := readYAML(got.keys(), "printed", c.Print()); err != nil {
		t.Fatalf("%v in\n%s", err, c.Print())
	}
	if !reflect.DeepEqual(got, c) {
		t.Errorf("got %+v, want %+v from\n%s", got, c, c.Print())
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLaterWins(t *testing.T) {
	file := write(t, "a.yaml", "kafka:\n  brokers:\n    - one:9092\n    - two:9092\n  prefix: shop\nhorizon: {session: 2d, journey: 500d}\nmax_event: 2MB\nkeyed_by: visitor\nlanes:\nhold: ~\n")
	c, err := Load(file, []string{"AFTERCLICK_KAFKA_PREFIX=fromenv", "AFTERCLICK_MAX_EVENT=3MB", "AFTERCLICK_KAFKA_BROKERS=e:1, f:2", "HOME=/"},
		[]string{"max_event=4MB", "kafka.tls.enabled=true", "topics.partitions=1_000"})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Kafka.Brokers, want.Kafka.Prefix, want.Kafka.TLS.Enabled = []string{"e:1", "f:2"}, "fromenv", true
	want.Horizon = Horizon{Duration(48 * time.Hour), Duration(500 * 24 * time.Hour)}
	want.MaxEvent, want.KeyedBy, want.Topics.Partitions = 4<<20, KeyedByVisitor, 1000
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v\nwant %+v", c, want)
	}
	c, err = Load(file, []string{"AFTERCLICK_SOURCES=[{topic: x, holds: reviews}]"}, []string{"keyed_by=none", "sources=- {topic: a, holds: orders}\n- {topic: b, holds: [reviews], format: batch, source: us}"})
	if want := []Source{{Topic: "a", Holds: Words{"orders"}}, {Topic: "b", Holds: Words{"reviews"}, Format: "batch", Source: "us"}}; err != nil || !reflect.DeepEqual(c.Sources, want) {
		t.Errorf("got %+v, %v", c, err)
	}
	c, err = Load(file, nil, nil)
	if err != nil || !reflect.DeepEqual(c.Kafka.Brokers, []string{"one:9092", "two:9092"}) {
		t.Errorf("got %v, %v", c.Kafka.Brokers, err)
	}
}

func TestFileErrors(t *testing.T) {
	for text, want := range map[string]string{
		"kafka:\n  borkers: [a:1]":                  "a.yaml:2: kafka.borkers is no key; did you mean kafka.brokers?",
		"brokers: [a:1]":                            "a.yaml:1: brokers is no key; did you mean kafka.brokers?",
		"zzzzzzzzzzzz: 1":                           "a.yaml:1: zzzzzzzzzzzz is no key",
		"data_dir: a\n\ndata_dir: b":                "already defined",
		"hold: soon":                                `a.yaml:1: hold: "soon" is no duration, like 500ms, 30m, 24h or 400d`,
		"hold: -1s":                                 "is no duration",
		"max_event: big":                            `"big" is no size`,
		"topics:\n  partitions: many":               `a.yaml:2: topics.partitions: "many" is no whole number`,
		"topics: 7":                                 "a.yaml:1: topics: must be a group of keys",
		"data_dir: [a, b]":                          "data_dir: must be one value, not a list",
		"data_dir: {a: b}":                          "data_dir: must be a value, not mapping",
		"- a":                                       "must be keys with values",
		"kafka: [":                                  "a.yaml:1:",
		"a: 1\n---\nb: 2":                           "several documents",
		"keyed_by: session":                         `keyed_by: must be one of none, visitor, is "session"`,
		"topics: {orders: clickstream}":             "topics.orders is no key",
		"sources: clickstream":                      "a.yaml:1: sources: must be a list",
		"sources: []":                               "sources: must name the shop's topics",
		"sources:\n- topic: a\n  hodls: x":          "a.yaml:3: sources[0].hodls is no key, which are: topic, holds, format, source, fields, types, statuses, zone, registry; did you mean holds?",
		"sources: [{topic: a, topic: b}]":           "already defined",
		"sources: [{topic: [a]}]":                   "sources[0].topic: must be one value",
		"sources: [{topic: a, fields: x}]":          "sources[0].fields: must be a group of keys",
		"sources: [{topic: a, registry: {ulr: x}}]": "sources[0].registry.ulr is no key, which are: url, user, password, password_file, ca_file; did you mean url?",
		"sources: [{topic: a, holds: orders}, {topic: a, holds: reviews}]":                                                        "sources[1].topic: a is the topic of sources[0], too",
		"sources: [{topic: afterclick.x, holds: orders}]":                                                                         "sources[0].topic: \"afterclick.x\" begins like our own topics",
		"sources: [{topic: a, holds: order}]":                                                                                     "sources[0].holds: must be one of clickstream, orders, deliveries, reviews, is \"order\"; did you mean orders?",
		"sources: [{topic: a}]":                                                                                                   "sources[0].holds: is required",
		"sources: [{topic: a, holds: [orders, reviews]}]":                                                                         "sources[0].holds: a record of format json does not say of which kind it is",
		"sources: [{topic: a, holds: [orders, orders]}]":                                                                          "sources[0].holds",
		"sources: [{topic: a, holds: orders, format: jsno}]":                                                                      "sources[0].format: \"jsno\" is no format, which are: json, ",
		"sources: [{topic: a, holds: orders, format: batch+jsno}]":                                                                "did you mean json?",
		"sources: [{topic: a, holds: orders, format: json+json}]":                                                                 "sources[0].format: json holds events itself",
		"sources: [{topic: a, holds: orders, source: erp}]":                                                                       "sources[0].source: is no option of format json, which takes no options",
		"sources: [{topic: a, holds: orders, format: batch, fields: {a: b}}]":                                                     "sources[0].fields: is no option of format batch, which takes: source",
		"sources: [{topic: a, holds: orders, registry: {url: 'ftp://x'}}]":                                                        "sources[0].registry.url: must begin with http:// or https://",
		"sources: [{topic: a, holds: orders, registry: {url: 'http://u:secretword@x'}}]":                                          "sources[0].registry.url: must be without user and password",
		"sources: [{topic: a, holds: clickstream}]":                                                                               "sources: none of them holds orders, deliveries or reviews",
		"keyed_by: visitor\nsources: [{topic: a, holds: orders}]":                                                                 "sources: keyed_by: visitor is about the clickstream, but none of them holds it",
		"keyed_by: visitor\nsources: [{topic: o, holds: orders}, {topic: a, holds: clickstream, format: batch}]":                  "sources[1].format: keyed_by: visitor lets clicks be read as they are, without routing",
		"keyed_by: visitor\nsources: [{topic: o, holds: orders}, {topic: a, holds: clickstream}, {topic: b, holds: clickstream}]": "sources[2].holds: keyed_by: visitor lets one topic be read without routing",
		"kafka: {brokers: []}":                                "kafka.brokers: must name a broker",
		"kafka: {brokers: [localhost]}":                       `kafka.brokers: "localhost" must be host:port`,
		"kafka: {sasl: {mechanism: plain}}":                   "kafka.sasl.user: is required",
		"kafka: {tls: {ca_file: x}}":                          "kafka.tls.enabled: must be true",
		"clickhouse: {address: 'http://u:secretword@h:8123'}": "clickhouse.address: must be without user, password",
		"clickhouse: {address: 'ftp://h'}":                    "clickhouse.address",
		"timezone: Mars/Olympus":                              "timezone: must be a name",
		"session: {gap: 25h}":                                 "session.max_length: must be at least session.gap",
	} {
		_, err := Load(write(t, "a.yaml", text), nil, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
			continue
		}
		if strings.Contains(err.Error(), "secretword") {
			t.Errorf("%q: the error shows the password: %v", text, err)
		}
	}
	if _, err := Load("/no/such/file.yaml", nil, nil); err == nil || !strings.Contains(err.Error(), "/no/such/file.yaml") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestOtherErrors(t *testing.T) {
	for _, c := range []struct{ env, set, want string }{
		{"AFTERCLICK_HOLD=soon", "", "AFTERCLICK_HOLD: "},
		{"", "hold", "--set hold: must be key=value"},
		{"", "hodl=1s", "hodl is no key; did you mean hold?"},
		{"", "kafka=x", "kafka is a group"},
		{"", "sources=clicks", "--set sources: sources: must be a list"},
		{"", "sources=[{topic: [", "is no YAML"},
		{"", "sources=[{topic: a, holds: orders, registry: {url: 'http://x', password: geheim}}]", "use registry.password_file"},
		{"AFTERCLICK_SOURCES=[{topic: a, hold: orders}]", "", "AFTERCLICK_SOURCES: sources[0].hold is no key"},
		{"", "sources=[{topic: a, holds: orders, registry: {url: 'http://x', password_file: /no/such/file}}]", "sources[0].registry.password_file: "},
		{"", "clickhouse.password=geheim", "use clickhouse.password_file or AFTERCLICK_CLICKHOUSE_PASSWORD"},
		{"AFTERCLICK_CLICKHOUSE_PASSWORD=geheim", "clickhouse.password_file=" + write(t, "p", "geheim"), "both set"},
		{"", "clickhouse.password_file=/no/such/file", "clickhouse.password_file: "},
	} {
		_, err := Load("", []string{c.env}, settings(c.set))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s %s: got %v, want %s", c.env, c.set, err, c.want)
		}
	}
	c, err := Load("", []string{"AFTERCLICK_PORT_8123_TCP=tcp://10.0.0.1:8123", "AFTERCLICK_CONFIG=x"}, nil)
	if err != nil || !reflect.DeepEqual(c.Ignored, []string{"AFTERCLICK_PORT_8123_TCP"}) {
		t.Errorf("got %v, %v", c.Ignored, err)
	}
}

func settings(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// TestSecretsStayHidden prints a configuration in every way that comes to mind.
func TestSecretsStayHidden(t *testing.T) {
	const secret = "correct-horse"
	c, err := Load("", []string{"AFTERCLICK_KAFKA_SASL_PASSWORD=" + secret, "AFTERCLICK_SOURCES=[{topic: a, holds: orders}]"},
		[]string{"kafka.sasl.mechanism=scram-sha-512", "kafka.sasl.user=me", "clickhouse.password_file=" + write(t, "p", secret+"\n")})
	if err != nil {
		t.Fatal(err)
	}
	if c.Kafka.SASL.Password.Reveal() != secret || c.ClickHouse.Password.Reveal() != secret {
		t.Fatal("the passwords were not read")
	}
	c.Sources[0].Registry = Registry{URL: "http://x", Password: secret}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("config", "c", c, "p", c.ClickHouse.Password)
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for how, text := range map[string]string{"%v": fmt.Sprintf("%v", c), "%+v": fmt.Sprintf("%+v", *c), "%#v": fmt.Sprintf("%#v", *c),
		"%q": fmt.Sprintf("%q", c.ClickHouse.Password), "%x": fmt.Sprintf("%x", c.ClickHouse.Password), "slog": log.String(),
		"JSON": string(asJSON), "Print": string(c.Print())} {
		if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
			t.Errorf("%s shows the password: %s", how, text)
		}
	}
	if !strings.Contains(string(c.Print()), `# password: "(hidden)"`) {
		t.Error("Print does not say that a password is set")
	}
}

func TestValues(t *testing.T) {
	for in, want := range map[string]string{"30m": "30m", "90m": "1h30m", "24h": "24h", "48h": "2d", "400d": "400d", "1d12h": "36h", "0s": "0s", "1500ms": "1.5s", "0": "0s", "20s": "20s", "10m0s": "10m"} {
		var d Duration
		if err := d.UnmarshalText([]byte(in)); err != nil || d.String() != want {
			t.Errorf("%s: got %s, %v, want %s", in, d, err, want)
		}
	}
	for in, want := range map[string]Size{"0": 0, "1": 1, "256kB": 256 << 10, "256 KB": 256 << 10, "1MB": 1 << 20, "2gb": 2 << 30, "7b": 7} {
		var z Size
		if err := z.UnmarshalText([]byte(in)); err != nil || z != want {
			t.Errorf("%s: got %d, %v, want %d", in, z, err, want)
		}
		var again Size
		if text, _ := z.MarshalText(); again.UnmarshalText(text) != nil || again != z {
			t.Errorf("%s is printed as %s", in, text)
		}
	}
	for _, in := range []string{"", "-1", "1.5MB", "9999999999GB", "MB"} {
		var z Size
		if err := z.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q: got %d, want an error", in, z)
		}
	}
}

// TestEngineDefaults: the defaults of the configuration are those of the engine.
func TestEngineDefaults(t *testing.T) {
	got, err := Default().Engine()
	if err != nil {
		t.Fatal(err)
	}
	want := ingest.DefaultConfig()
	got.Kafka, want.Kafka = nil, nil
	want.StateDir, want.StateMemory = "data/states", 256<<20 // the engine alone needs no folder
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}
