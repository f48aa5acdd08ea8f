// Package command is the command line: one file per subcommand.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/afterclick/afterclick/deploy/config"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailed  = 1 // it did not work, or check found something
	exitUsage   = 2 // the command line makes no sense
	exitUnknown = 2 // verify could not find out
	exitBreak   = 130
)

// commandLine is what can be typed. To add a subcommand, add a field and give its type a Run method.
type commandLine struct {
	File string   `name:"config" short:"c" env:"AFTERCLICK_CONFIG" placeholder:"FILE" help:"Configuration file; see afterclick config print."`
	Set  []string `short:"s" sep:"none" placeholder:"KEY=VALUE" help:"Set a key of the configuration; wins over file and environment. May be given several times."`

	Demo    demoCommand    `cmd:"" help:"Everything on this machine, with nothing installed: a shop, Kafka, ClickHouse."`
	Run     runCommand     `cmd:"" help:"Run the pipeline between your Kafka and your ClickHouse."`
	Migrate migrateCommand `cmd:"" help:"Create the tables, or bring them to this version."`
	Feed    feedCommand    `cmd:"" help:"Send a simulated shop's or a data set's events to Kafka."`
	SQL     sqlCommand     `cmd:"" name:"sql" help:"Ask the tables a question in SQL, read-only."`
	Funnel  funnelCommand  `cmd:"" help:"How many take some steps one after the other, where they leave, and how long it takes."`
	Verify  verifyCommand  `cmd:"" help:"Prove that every record that Kafka delivered is in the tables once, as it came."`
	Rebuild rebuildCommand `cmd:"" help:"Make all tables anew from all events, and switch to them without a gap."`
	Check   checkCommand   `cmd:"" help:"Look whether everything is there to run: what is wrong, and what to do."`
	Local   localCommand   `cmd:"" help:"Kafka and ClickHouse on this machine, to try things on."`
	Config  configCommand  `cmd:"" help:"Print or check the configuration."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// app is what a subcommand gets.
type app struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
	line     *commandLine
}

// load reads the configuration that the command line names.
func (a *app) load() (*config.Config, error) {
	return config.Load(a.line.File, a.environ, a.line.Set)
}

// terminal returns the width of the terminal that w is, or 0 if it is none.
func terminal(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		return 80
	}
	return width
}

// silent is the error of a command that has said what is wrong.
type silent struct{ error }

// coded is an error with an exit code of its own.
type coded struct {
	code int
	error
}

func (c coded) Unwrap() error { return c.error }

// exit is panicked to leave the parser after it printed the help.
type exit int

// Run runs one command line (without the program's name) and returns the exit code. It ends early when ctx is done. Results go to
// stdout, all else to stderr, so that results can be piped.
func Run(ctx context.Context, args []string, environ []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	line := &commandLine{}
	a := &app{in: stdin, out: stdout, err: stderr, environ: environ, line: line}
	parser, err := kong.New(line,
		kong.Name("afterclick"),
		kong.Description("Follows every customer from the first click to the last review: events from Kafka become sessions, journeys and reputation in ClickHouse."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(a),
	)
	if err != nil {
		panic(err) // the tags of commandLine are wrong: every test sees it
	}
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(exit)
			if !ok {
				panic(p)
			}
			code = int(e)
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		say(stderr, fmt.Errorf("%w; %s shows what there is", err, helpFor(err)))
		return exitUsage
	}
	err = parsed.Run()
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return exitBreak
	}
	if s := (silent{}); !errors.As(err, &s) {
		say(stderr, err)
	}
	if c := (coded{}); errors.As(err, &c) {
		return c.code
	}
	return exitFailed
}

// helpFor returns the command that explains the part of the command line that was wrong.
func helpFor(err error) string {
	command := "afterclick"
	if p := (*kong.ParseError)(nil); errors.As(err, &p) && p.Context != nil && p.Context.Command() != "" {
		for _, word := range strings.Fields(p.Context.Command()) {
			if !strings.HasPrefix(word, "<") {
				command += " " + word
			}
		}
	}
	return command + " --help"
}

// say prints an error, one line for each that it joins.
func say(w io.Writer, err error) {
	for line := range strings.SplitSeq(strings.TrimSpace(err.Error()), "\n") {
		fmt.Fprintln(w, "afterclick: "+line)
	}
}
