package cleat

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
	"testing"
)

type good struct{}

func (*good) OnRequest(x *Exchange) Verdict           { return Continue }
func (*good) OnAttempt(x *Exchange, n uint32) Verdict { return Continue }
func (*good) RouteCreate(config Config) (any, error)  { return nil, nil }
func (*good) Other()                                  {}

type misspelt struct{}

func (*misspelt) OnReqest(x *Exchange) Verdict { return Continue }

type other struct{}

func (*other) OnEnd() {}

type half struct{}

func (*half) OnHandleBody(x *Exchange, last bool) Verdict { return Continue }

func register[P any]() (hooks uint64, problem string) {
	registered.create, registered.hooks, registered.problem = nil, 0, ""
	Register(func(*Create) (P, error) { var none P; return none, nil })
	return registered.hooks, registered.problem
}

func TestHooksThatATypeHasAreFoundAndNoOthers(t *testing.T) {
	found, problem := register[*good]()
	wanted := uint64(0)
	for _, name := range []string{"OnRequest", "OnAttempt", "RouteCreate"} {
		wanted |= 1 << hooks[name].number
	}
	if found != wanted || problem != "" {
		t.Errorf("%x, not %x: %s", found, wanted, problem)
	}
}

func TestAHookThatWouldNeverBeCalledIsAProblem(t *testing.T) {
	if _, problem := register[*misspelt](); !strings.Contains(problem, "misspelt.OnReqest: there is no such hook") {
		t.Error(problem)
	}
	if _, problem := register[*other](); !strings.Contains(problem, "other.OnEnd has another signature than the hook's: func(*cleat.Exchange)") {
		t.Error(problem)
	}
	if _, problem := register[*half](); !strings.Contains(problem, "half: a handler needs OnHandle") {
		t.Error(problem)
	}
	register[*good]()
	Register(func(*Create) (*good, error) { return nil, nil })
	if !strings.Contains(registered.problem, "called twice") {
		t.Error(registered.problem)
	}
}

func TestWithoutAHostEveryCallAnswersThatItIsNotSupported(t *testing.T) {
	x := &Exchange{1}
	if err := x.Request().Set("a", "b"); err != ErrUnsupported {
		t.Error(err)
	}
	if _, err := x.Suspend(); err != ErrUnsupported {
		t.Error(err)
	}
	if _, err := (Handle{}).Call(x, Call{}, nil); err != ErrUnsupported {
		t.Error(err)
	}
	if _, err := (Kv{}).Get("a"); err != ErrUnsupported {
		t.Error(err)
	}
	if err := x.ResponseWriter().Finish(Field{"a", "b"}); err != ErrUnsupported {
		t.Error(err)
	}
	if verdict := x.Reply(Reply{Status: 200, Headers: []Field{{"a", "b"}}}); verdict != Fail {
		t.Error(verdict)
	}
}

func TestEveryExportedNameIsDocumented(t *testing.T) {
	files := token.NewFileSet()
	own := func(file fs.FileInfo) bool { return !strings.HasSuffix(file.Name(), "_test.go") }
	packages, err := parser.ParseDir(files, ".", own, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	undocumented := func(name *ast.Ident, docs ...*ast.CommentGroup) {
		if !name.IsExported() {
			return
		}
		seen++
		for _, doc := range docs {
			if doc != nil {
				return
			}
		}
		t.Errorf("%v: %s has no comment", files.Position(name.Pos()), name.Name)
	}
	for _, file := range packages["cleat"].Files {
		for _, declared := range file.Decls {
			switch one := declared.(type) {
			case *ast.FuncDecl:
				undocumented(one.Name, one.Doc)
			case *ast.GenDecl:
				for _, spec := range one.Specs {
					switch named := spec.(type) {
					case *ast.TypeSpec:
						undocumented(named.Name, named.Doc, one.Doc)
					case *ast.ValueSpec:
						undocumented(named.Names[0], named.Doc, named.Comment, one.Doc)
					}
				}
			}
		}
	}
	if seen < 150 {
		t.Errorf("only %d names were found", seen)
	}
}
