package view_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/afterclick/afterclick/schemas/view"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestCreate holds the views' SQL where it can be reviewed.
func TestCreate(t *testing.T) {
	for _, v := range view.Views() {
		file, got := "testdata/"+v.Name+".sql", v.Create()+"\n"
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("%v (go test -update writes it)", err)
		}
		if got != string(want) {
			t.Errorf("%s differs (go test -update rewrites it):\n%s", file, got)
		}
	}
}

func TestEverythingHasAComment(t *testing.T) {
	for _, v := range view.Views() {
		if len(v.Comment) < 20 {
			t.Errorf("%s has no comment worth the name", v.Name)
		}
		for _, c := range v.Columns {
			if !strings.HasSuffix(c.Comment, ".") {
				t.Errorf("%s.%s: comment %q is no sentence", v.Name, c.Name, c.Comment)
			}
		}
	}
}
