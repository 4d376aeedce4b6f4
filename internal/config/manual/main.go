// Command manual writes the operator's manual of the settings, made from the
// comments of the config struct.
//
//	go run ./manual FILE
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"

	"github.com/sealwright/sealwright/internal/config"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: manual FILE")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

func write(path string) error {
	text, err := render("config.go")
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// render makes the page from the source file that declares the struct.
func render(source string) (string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.ParseComments)
	if err != nil {
		return "", err
	}
	spec, comment := findStruct(file)
	if spec == nil {
		return "", fmt.Errorf("%s declares no struct Config", source)
	}
	var page strings.Builder
	fmt.Fprintf(&page, "# Configuration\n\n<!-- Made by `go generate ./internal/config`: edit the comments in internal/config/config.go instead. -->\n\n%s", comment)
	for _, field := range spec.Fields.List {
		tag := reflect.StructTag(strings.Trim(field.Tag.Value, "`"))
		name := tag.Get("yaml")
		text := strings.TrimPrefix(strings.TrimPrefix(field.Doc.Text(), field.Names[0].Name+" "), "is ")
		fmt.Fprintf(&page, "\n## %s\n\n`--%s` · `%s`\n\n%s", name, name, config.Variable(name), upperFirst(text))
	}
	return page.String(), nil
}

func findStruct(file *ast.File) (*ast.StructType, string) {
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range gen.Specs {
			if t, ok := spec.(*ast.TypeSpec); ok && t.Name.Name == "Config" {
				s, _ := t.Type.(*ast.StructType)
				return s, upperFirst(strings.TrimPrefix(gen.Doc.Text(), "Config is "))
			}
		}
	}
	return nil, ""
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
