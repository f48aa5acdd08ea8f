package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/afterclick/afterclick/"

// mayImport says which of our folders each folder may import, besides itself: imports go where the data goes.
var mayImport = map[string][]string{
	"schemas":    nil,
	"ingest":     {"schemas"},
	"processors": {"schemas"},
	"dashboards": {"schemas"},
	"deploy":     {"schemas", "ingest", "processors", "dashboards"},
	".":          {"deploy"}, // main.go
}

// TestImports reads what the source files import. Tests may import what they like.
func TestImports(t *testing.T) {
	files := 0
	eachSource(t, ".", parser.ImportsOnly, func(path string, file *ast.File) {
		files++
		folder, _, below := strings.Cut(filepath.ToSlash(path), "/")
		if !below {
			folder = "."
		}
		allowed, known := mayImport[folder]
		if !known {
			t.Errorf("%s: the folder %s has no place in the flow: see mayImport", path, folder)
		}
		for _, spec := range file.Imports {
			name := importPath(spec)
			ours, ok := strings.CutPrefix(name, module)
			if !ok {
				continue
			}
			if to, _, _ := strings.Cut(ours, "/"); to != folder && !slices.Contains(allowed, to) {
				t.Errorf("%s imports %s: %s may import %s", path, name, folder, strings.Join(append([]string{"itself"}, allowed...), ", "))
			}
		}
	})
	if files < 20 {
		t.Errorf("only %d files were seen: is this the root of the project?", files)
	}
}

// impure are packages that a processor must not import: it has no I/O, no log, no lock and no luck of its own.
var impure = []string{"os", "net", "net/http", "log", "log/slog", "sync", "sync/atomic", "context", "math/rand", "math/rand/v2", "crypto/rand"}

// TestProcessorsArePure: they are functions of state and event, so that a replay gives the same.
func TestProcessorsArePure(t *testing.T) {
	files := 0
	eachSource(t, "processors", 0, func(path string, file *ast.File) {
		if slices.ContainsFunc(file.Imports, func(s *ast.ImportSpec) bool { return importPath(s) == "testing" }) {
			return // what processors' tests share
		}
		files++
		for _, spec := range file.Imports {
			if slices.Contains(impure, importPath(spec)) {
				t.Errorf("%s imports %s: a processor is a pure function of state and event", path, importPath(spec))
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s starts a goroutine", path)
			case *ast.SelectorExpr:
				x, ok := n.X.(*ast.Ident)
				if ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "Sleep", "NewTimer", "NewTicker", "Tick", "Local"}, n.Sel.Name) {
					t.Errorf("%s uses time.%s: time enters as event time or as an explicit now", path, n.Sel.Name)
				}
			}
			return true
		})
	})
	if files == 0 {
		t.Error("no processor was seen")
	}
}

// eachSource parses the Go files below a folder, without tests.
func eachSource(t *testing.T, root string, mode parser.Mode, look func(path string, file *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, mode)
		if err != nil {
			return err
		}
		look(path, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func importPath(s *ast.ImportSpec) string {
	path, err := strconv.Unquote(s.Path.Value)
	if err != nil {
		panic(err) // it was parsed
	}
	return path
}
