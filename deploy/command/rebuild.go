package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/afterclick/afterclick/deploy/config"
	"github.com/afterclick/afterclick/deploy/local"
	"github.com/afterclick/afterclick/deploy/pipeline"
)

type rebuildCommand struct {
	Plan       bool   `help:"Only say what would be read, and whether that is everything."`
	AcceptLoss bool   `help:"Go on although neither Kafka nor the tables have some of the events any more."`
	Clean      bool   `help:"Drop what is left of generations that are not current, after asking: their tables, topics and consumer groups."`
	Yes        bool   `short:"y" help:"With --clean: do not ask."`
	Data       string `placeholder:"DIR" help:"Rebuild the tables of a demo's folder that does not run, instead of the configured servers."`
}

func (rebuildCommand) Help() string {
	return `Makes all tables anew, as a new generation, from all events: those that Kafka has, and before that those that the tables events and
dead_letters have. It is how a changed session.gap, session.max_length, horizon or keyed_by, another number of partitions, or a newer
version's rules reach the past: until then, instances use what the tables are made with, and say so. They go on with the current
generation meanwhile, and dashboards read it. When the new one has caught up, the views read it from one moment to the next, and the
instances move to it by themselves, with its settings.

The new generation is beside the old one: database clickhouse.database with _g2 added, topics and groups that begin with kafka.prefix and
.g2. Whoever reads the views must be allowed to read that database, too: run what afterclick migrate --print-readers prints before. It takes as much disk as the current one, until --clean.

If it is stopped or killed, run it again: it goes on. Nothing is switched before the new generation has every record of the current one.

Examples:
  afterclick rebuild --plan -c afterclick.yaml
  afterclick rebuild -c afterclick.yaml
  afterclick rebuild --clean -c afterclick.yaml
  afterclick rebuild --data shop -s session.gap=10m

It is refused where neither Kafka nor the tables have events that were there once.`
}

func (k *rebuildCommand) Run(ctx context.Context, a *app) (err error) {
	c, done, err := k.open(ctx, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	if k.Clean {
		return k.clean(ctx, a, c)
	}
	say := func(format string, args ...any) { fmt.Fprintf(a.err, format+"\n", args...) }
	var shown *progress
	doing := ""
	end := func() {
		if shown != nil {
			shown.end()
			shown = nil
		}
	}
	defer func() { end() }()
	r := pipeline.Rebuild{Config: c, Log: logger(c, a.err), AcceptLoss: k.AcceptLoss, PlanOnly: k.Plan,
		Planned: func(p *pipeline.Plan) { printPlan(a.out, p) },
		Say: func(format string, args ...any) {
			end()
			say(format, args...)
		},
		Progress: func(what string, done, total int64) {
			if shown == nil || what != doing {
				end()
				shown, doing = newProgress(a.err, "rebuild", "records"), what
			}
			shown.show(what, done, total)
		}}
	err = r.Run(ctx)
	if errors.Is(err, pipeline.ErrLost) {
		return fmt.Errorf("%w. What was made of them would be missing after a rebuild. If they were never in the tables, or may go: --accept-loss", err)
	}
	return err
}

// open returns the configuration, after starting a demo's servers if that is asked.
func (k *rebuildCommand) open(ctx context.Context, a *app) (*config.Config, func() error, error) {
	c, err := a.load()
	if k.Data == "" || err != nil {
		return c, func() error { return nil }, err
	}
	for _, sub := range []string{"kafka", "clickhouse"} {
		if _, err := os.Stat(filepath.Join(k.Data, sub)); err != nil {
			return nil, nil, fmt.Errorf("%w: name the folder that afterclick demo --data was given", err)
		}
	}
	stack, err := local.Start(ctx, local.Config{Dir: k.Data})
	if errors.Is(err, local.ErrLocked) {
		return nil, nil, fmt.Errorf("%w: it runs, so rebuild on its servers: leave out --data, and set kafka.brokers, clickhouse.address and keyed_by=visitor", err)
	}
	if err != nil {
		return nil, nil, err
	}
	demo := demoConfig(stack, k.Data)
	if err := demo.Adopt(c.Changed()); err != nil {
		return nil, nil, errors.Join(err, stack.Close())
	}
	return demo, stack.Close, nil
}

// printPlan shows what will be read: a line for each topic, and each partition of which something is lost.
func printPlan(w io.Writer, p *pipeline.Plan) {
	continues := ""
	if p.Continues {
		continues = ", going on with what was begun"
	}
	fmt.Fprintf(w, "Generation %d of the tables, from generation %d, in database %s%s\n", p.To, p.From, p.Database, continues)
	for _, d := range p.Differs {
		fmt.Fprintln(w, d)
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(table.Row{"topic", "partitions", "out of the tables", "out of Kafka", "lost", "single gaps"})
	var configs []table.ColumnConfig
	for i := 2; i <= 6; i++ {
		configs = append(configs, table.ColumnConfig{Number: i, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(configs)
	single := int64(0)
	for i := 0; i < len(p.Partitions); {
		topic, n := p.Partitions[i].Topic, 0
		var past, log, lost, gaps int64
		for ; i < len(p.Partitions) && p.Partitions[i].Topic == topic; i++ {
			one := p.Partitions[i]
			n, past, log, gaps = n+1, past+one.Past, log+one.LogEnd-one.LogStart, gaps+one.Single
			for _, r := range one.Lost {
				lost += r.Last - r.First + 1
			}
		}
		single += gaps
		t.AppendRow(table.Row{topic, n, grouped(uint64(past)), grouped(uint64(log)), grouped(uint64(lost)), grouped(uint64(gaps))})
	}
	fmt.Fprintln(w, t.Render())
	if single > 0 {
		fmt.Fprintf(w, "note: %s single offsets have no record, as the markers of transactions; they count as nothing\n", grouped(uint64(single)))
	}
}

// clean drops what is left of other generations.
func (k *rebuildCommand) clean(ctx context.Context, a *app, c *config.Config) error {
	all, err := pipeline.Leftovers(ctx, c)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		fmt.Fprintln(a.out, "Nothing is left of other generations than the current one")
		return nil
	}
	answers := bufio.NewScanner(a.in)
	for _, r := range all {
		of := "database " + r.Database
		if r.Number == 1 {
			of = "the stored tables in " + r.Database
		}
		topics := "no topics"
		if len(r.Topics) > 0 {
			topics = "the topics " + strings.Join(r.Topics, ", ")
		}
		fmt.Fprintf(a.out, "Generation %d (%s, noted %s): %s (%s MB), %s, and its consumer groups\n", r.Number, r.What, noted(r.At), of, grouped(r.Bytes>>20), topics)
		if len(r.Members) > 0 {
			fmt.Fprintf(a.out, "It stays: %s still work on it. Stop them, or wait for kafka.session_timeout if they are gone\n", strings.Join(r.Members, ", "))
			continue
		}
		if !k.Yes {
			fmt.Fprint(a.err, "Drop it? [y/N] ")
			if !answers.Scan() || !strings.EqualFold(strings.TrimSpace(answers.Text()), "y") {
				fmt.Fprintln(a.out, "It stays")
				continue
			}
		}
		if err := r.Remove(ctx, c); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "Dropped generation %d\n", r.Number)
	}
	return nil
}

// noted is a time as a day, or unknown.
func noted(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format(time.DateOnly)
}
