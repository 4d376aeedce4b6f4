package awsverbs

import (
	"fmt"
	"reflect"

	"github.com/spf13/pflag"
)

// argument is a member of an operation's Input as a flag.
type argument struct {
	field reflect.StructField
	name  string // image-ids
}

// arguments is an operation's flags and what was given for them. Texts are kept
// as they were given and read only once all are known, because a list may go on
// after its flag.
type arguments struct {
	input reflect.Type
	flags *pflag.FlagSet
	list  []*argument
	given []text
}

// text is a value given for an argument, with the number of positional
// arguments before it.
type text struct {
	*argument
	value string
	at    int
}

// newArguments adds a flag to flags for each member of an Input struct. What
// their usage is, [invocation.describe] says when somebody asks: every start of
// the program comes by here.
func newArguments(input reflect.Type, flags *pflag.FlagSet) *arguments {
	a := &arguments{input: input, flags: flags}
	for i := range input.NumField() {
		if field := input.Field(i); field.IsExported() {
			a.add(&argument{field: field, name: kebab(field.Name)})
		}
	}
	return a
}

func (a *arguments) add(arg *argument) {
	a.list = append(a.list, arg)
	a.flags.Var(&flagValue{argument: arg, all: a}, arg.name, "")
	if bare(arg.field.Type).Kind() == reflect.Bool {
		a.flags.Lookup(arg.name).NoOptDefVal = "true"
		a.flags.Var(&flagValue{argument: arg, all: a, negate: true}, "no-"+arg.name, "")
		a.flags.Lookup("no-" + arg.name).NoOptDefVal = "true"
	}
}

// flagValue is --name, or --no-name for a boolean (pflag.Value).
type flagValue struct {
	*argument
	all    *arguments
	negate bool
}

// Set notes a value.
func (f *flagValue) Set(value string) error {
	if f.negate {
		value = "false"
	}
	f.all.given = append(f.all.given, text{f.argument, value, f.all.flags.NArg()})
	return nil
}

// String is the default shown in the help: none.
func (f *flagValue) String() string { return "" }

// Type is the placeholder shown in the help.
func (f *flagValue) Type() string {
	if t := bare(f.field.Type); t.Kind() != reflect.Bool {
		return typeName(t)
	}
	return "bool" // pflag's word for a flag without a value
}

// build makes a pointer to an Input of what was given. rest is the positional
// arguments: those that follow the flag of a list belong to it. Blobs are read
// as blobs says.
func (a *arguments) build(rest []string, blobs string) (input any, err error) {
	texts, err := a.collect(rest)
	if err != nil {
		return nil, err
	}
	built := reflect.New(a.input)
	for _, arg := range a.list {
		if texts[arg] == nil {
			continue
		}
		if err := arg.read(built.Elem().FieldByIndex(arg.field.Index), texts[arg], blobs); err != nil {
			return nil, err
		}
	}
	return built.Interface(), nil
}

// collect gathers the texts of each argument in the order given.
func (a *arguments) collect(rest []string) (map[*argument][]string, error) {
	texts := map[*argument][]string{}
	for i, t := range a.given {
		end := len(rest)
		if i+1 < len(a.given) {
			end = a.given[i+1].at
		}
		if t.at < end && !isList(t.field.Type) {
			return nil, unknownOptions(rest[t.at:end]...)
		}
		texts[t.argument] = append(append(texts[t.argument], t.value), rest[t.at:end]...)
	}
	if len(rest) > 0 && (len(a.given) == 0 || a.given[0].at > 0) {
		return nil, unknownOptions(rest[0])
	}
	return texts, nil
}

// read parses the texts given for an argument into its member.
func (a *argument) read(member reflect.Value, texts []string, blobs string) error {
	tree, err := parseTexts(member.Type(), texts, blobs)
	if err != nil {
		return fmt.Errorf("Error parsing parameter '--%s': %w", a.name, err)
	}
	if err := assign(member, lowerFirst(a.field.Name), tree); err != nil {
		return fmt.Errorf("Parameter validation failed:\n%w", err)
	}
	return nil
}
