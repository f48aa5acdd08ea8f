package pipeline_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/afterclick/afterclick/processors/oracle"
)

// What an operator types, and reads.
func TestRebuildCommand(t *testing.T) {
	t.Parallel()
	binary := build(t)
	records := simulated(t, 14, 12, 60)
	s := newSite(t, "kafka.session_timeout=6s")
	s.dropLater(t)
	dir := t.TempDir()
	settings := append(s.settings, "data_dir="+dir, shortGap)
	run := func(code int, words string, says ...string) {
		t.Helper()
		args := strings.Fields(words)
		for _, set := range settings {
			args = append(args, "-s", set)
		}
		cmd := exec.Command(binary, args...)
		var out bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("y\n"), &out, &out
		_ = cmd.Run()
		if cmd.ProcessState.ExitCode() != code {
			t.Errorf("%s: exit code %d", words, cmd.ProcessState.ExitCode())
		}
		for _, say := range says {
			if !strings.Contains(out.String(), say) {
				t.Errorf("%s does not say %q", words, say)
			}
		}
		t.Logf("%s\n%s", words, out.String())
	}
	s.send(t, records)
	s.finish(t, dir)
	run(0, "rebuild --plan", "Generation 2 of the tables, from generation 1, in database "+s.database+"_g2", "session.gap is 10m, the tables are made with 30m", "clickstream")
	if n := s.count(t, "system.databases WHERE name = '"+s.database+"_g2'"); n != 0 {
		t.Error("--plan changed something")
	}
	running := launch(t, binary, "run", append(settings, "log.format=json")...)
	until(t, 3*time.Minute, "it says what it uses", func() bool {
		return strings.Contains(running.output(), "session.gap is 10m, the tables are made with 30m")
	})
	run(0, "rebuild", "out of Kafka", "Switched: the views read generation 2", "Done.")
	until(t, 3*time.Minute, "the instance follows", func() bool { return strings.Contains(running.output(), `"generation":2`) })
	if err := running.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code, _ := running.exit(t, 30*time.Second); code != 0 {
		t.Errorf("the instance's exit code is %d\n%s", code, running.output())
	}
	s.expect(t, oracle.Of(shortRules, decoded(t, records)))
	run(0, "verify", "Every record is in one row")
	run(0, "check", "generation: 2 of the tables, in database "+s.database+"_g2", "begin with afterclick.g2")
	run(0, "migrate", "generation 2")
	run(0, "migrate --print-readers", s.database+"_g2`", s.database+"_g3`")
	time.Sleep(7 * time.Second) // the instance's places in its groups
	run(0, "rebuild --clean", "Generation 1 (retired", "afterclick.journeys.state", "Drop it? [y/N]", "Dropped generation 1")
	run(0, "rebuild --clean", "Nothing is left")
	s.truncate(t, 1)
	run(0, "rebuild --plan", "Generation 3 of the tables, from generation 2")
	if err := s.conn.Exec(t.Context(), "ALTER TABLE "+s.database+"_g2.stored_events DELETE WHERE topic = 'clickstream' AND partition = 0 AND offset < 9 SETTINGS mutations_sync = 2"); err != nil {
		t.Fatal(err)
	}
	run(1, "rebuild", "Kafka has nothing of clickstream/0 any more, and the tables do not have offsets 0–8", "--accept-loss")
}
