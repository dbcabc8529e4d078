package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// The longest that files and functions may get, in lines.
const (
	maxFile         = 400
	maxFunction     = 60
	maxTestFunction = 100
)

func TestSize(t *testing.T) {
	eachFile(t, func(name string, set *token.FileSet, file *ast.File) {
		if lines := set.File(file.Pos()).LineCount(); lines > maxFile {
			t.Errorf("%s has %d lines, more than %d: split it by what it is about", name, lines, maxFile)
		}
		limit := maxFunction
		if strings.HasSuffix(name, "_test.go") {
			limit = maxTestFunction
		}
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			position := set.Position(function.Pos())
			if lines := set.Position(function.End()).Line - position.Line + 1; lines > limit {
				t.Errorf("%s:%d: %s has %d lines, more than %d", name, position.Line, function.Name.Name, lines, limit)
			}
		}
	})
}

func TestExportedNamesAreExplained(t *testing.T) {
	explained := map[string]bool{}
	eachFile(t, func(name string, set *token.FileSet, file *ast.File) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		dir := filepath.Dir(name)
		explained[dir] = explained[dir] || file.Doc != nil
		for _, declaration := range file.Decls {
			for _, found := range unexplained(declaration) {
				t.Errorf("%s:%d: exported %s has no comment", name, set.Position(found.Pos()).Line, found.Name)
			}
		}
	})
	for dir, ok := range explained {
		if !ok {
			t.Errorf("%s: no file of this package says what it is for", dir)
		}
	}
}

// unexplained lists the exported names of a declaration that neither they nor their group have a comment for.
func unexplained(declaration ast.Decl) []*ast.Ident {
	var out []*ast.Ident
	switch d := declaration.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && receiverIsExported(d) {
			out = append(out, d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && d.Doc == nil {
					out = append(out, s.Name)
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() && s.Doc == nil && s.Comment == nil && d.Doc == nil {
						out = append(out, name)
					}
				}
			}
		}
	}
	return out
}

func receiverIsExported(function *ast.FuncDecl) bool {
	if function.Recv == nil {
		return true
	}
	for expr := function.Recv.List[0].Type; ; {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.Ident:
			return e.IsExported()
		default:
			return true
		}
	}
}

// eachFile parses every Go file of the repository.
func eachFile(t *testing.T, f func(name string, set *token.FileSet, file *ast.File)) {
	t.Helper()
	for _, name := range goFiles(t) {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, filepath.Join(root, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		f(name, set, file)
	}
}
