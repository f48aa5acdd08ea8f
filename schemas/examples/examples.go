// Package examples holds questions in SQL that are worth asking, to read, run and change. Their answers in the demo's shop are in
// README.md, which a test writes and checks.
package examples

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.sql
var files embed.FS

// Example is one question.
type Example struct {
	Name  string // funnel_by_device
	Title string // the question, one line
	About string // how to read the answer
	SQL   string // one statement, without the comments before it
}

// Moving is said in About by those whose answer is another one every day.
const Moving = "(The answer depends on when you ask.)"

// All are all examples, in the order in which to read them.
var All = func() []Example {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		panic(err)
	}
	var all []Example
	for _, file := range names { // sorted: 010_name.sql
		text, err := files.ReadFile(file)
		if err != nil {
			panic(err)
		}
		_, name, _ := strings.Cut(strings.TrimSuffix(file, ".sql"), "_")
		e := Example{Name: name}
		var about []string
		rest := string(text)
		for {
			line, after, _ := strings.Cut(rest, "\n")
			comment, ok := strings.CutPrefix(line, "-- ")
			if !ok {
				break
			}
			if rest = after; e.Title == "" {
				e.Title = comment
			} else {
				about = append(about, comment)
			}
		}
		e.About, e.SQL = strings.Join(about, " "), strings.TrimSpace(rest)
		if e.Title == "" || e.About == "" || e.SQL == "" {
			panic(fmt.Sprintf("examples: %s needs a title, an explanation and a statement", file))
		}
		all = append(all, e)
	}
	return all
}()

// Find returns the example of that name.
func Find(name string) (Example, bool) {
	for _, e := range All {
		if e.Name == name {
			return e, true
		}
	}
	return Example{}, false
}
