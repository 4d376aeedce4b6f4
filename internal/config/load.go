package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// Variable is the environment variable of a setting, such as
// SEALWRIGHT_PUBLIC_URL for public-url.
func Variable(name string) string {
	return "SEALWRIGHT_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// Flags binds a flag for each of the named settings (all of them when none is
// named) to c and returns how to load the rest: call it after the flags are
// parsed. It reads the file (path "" for none), then the environment; a flag that
// was given on the command line wins over both.
func (c *Config) Flags(flags *pflag.FlagSet, names ...string) (load func(path string) error) {
	settings := c.settings(names)
	for _, s := range settings {
		s.bind(flags)
	}
	return func(path string) error {
		given := map[string]string{}
		flags.Visit(func(f *pflag.Flag) { given[f.Name] = f.Value.String() })
		asked := reflect.ValueOf(*c) // what the flags said
		if err := c.readFile(path); err != nil {
			return err
		}
		for _, s := range settings {
			if _, ok := given[s.name]; ok {
				s.field.Set(asked.FieldByIndex(s.index))
				continue
			}
			if err := s.readEnvironment(); err != nil {
				return err
			}
		}
		return nil
	}
}

func (c *Config) readFile(path string) error {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("config: %s: %w", path, err)
	}
	return nil
}

// setting is one field of the struct.
type setting struct {
	name, usage string
	index       []int
	field       reflect.Value
}

func (c *Config) settings(names []string) []setting {
	wanted := map[string]bool{}
	for _, n := range names {
		wanted[n] = true
	}
	v := reflect.ValueOf(c).Elem()
	var all []setting
	for _, f := range reflect.VisibleFields(v.Type()) {
		name := f.Tag.Get("yaml")
		if len(names) == 0 || wanted[name] {
			all = append(all, setting{name, f.Tag.Get("usage"), f.Index, v.FieldByIndex(f.Index)})
		}
	}
	return all
}

func (s setting) bind(flags *pflag.FlagSet) {
	flags.Var(value{s.field}, s.name, s.usage)
	if s.field.Kind() == reflect.Bool {
		flags.Lookup(s.name).NoOptDefVal = "true"
	}
}

func (s setting) readEnvironment() error {
	text, ok := os.LookupEnv(Variable(s.name))
	if !ok || text == "" {
		return nil
	}
	if s.field.Kind() == reflect.Slice { // replaces what the file said
		s.field.SetZero()
	}
	if err := (value{s.field}).Set(text); err != nil {
		return fmt.Errorf("%s: %w", Variable(s.name), err)
	}
	return nil
}
