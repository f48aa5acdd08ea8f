package command

import (
	"fmt"
	"io"
	"runtime/debug"
	"strings"
)

type versionCommand struct{}

func (versionCommand) Run(a *app) error {
	info, _ := debug.ReadBuildInfo()
	return printVersion(a.out, info)
}

// printVersion says what the binary was built from, as far as the build noted it.
func printVersion(w io.Writer, info *debug.BuildInfo) error {
	if info == nil {
		_, err := fmt.Fprintln(w, "afterclick (built without module information)")
		return err
	}
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	words := []string{"afterclick"}
	if v := info.Main.Version; v != "" {
		words = append(words, v)
	}
	if revision := set["vcs.revision"]; revision != "" {
		words = append(words, "commit "+revision[:min(12, len(revision))])
		if set["vcs.modified"] == "true" {
			words = append(words, "with changes")
		}
		words = append(words, "of "+set["vcs.time"])
	}
	_, err := fmt.Fprintf(w, "%s, %s %s/%s\n", strings.Join(words, " "), info.GoVersion, set["GOOS"], set["GOARCH"])
	return err
}
