package awsverbs

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/spf13/pflag"
)

// invocation is one run of one operation's command.
type invocation struct {
	service
	operation
	*settings
	arguments *arguments
	paging    paging
}

// run reads the flags, calls the service and prints its answer.
func (r *invocation) run(ctx context.Context, out io.Writer, rest []string) error {
	if err := r.check(); err != nil {
		return err
	}
	input, err := r.arguments.build(rest, r.blobs)
	if err != nil {
		return err
	}
	if missing := r.missing(r.operation, input); len(missing) > 0 {
		return missingError(missing)
	}
	output, next, err := r.call(ctx, input)
	if err != nil {
		return err
	}
	text, err := r.format(output, next)
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text)
	return err
}

// call makes the operation's calls: all pages of a list, unless the caller pages.
func (r *invocation) call(ctx context.Context, input any) (output any, next string, err error) {
	pages := r.pageable() && !r.noPaginate && !pagedByHand(input)
	if !pages {
		if err := r.paging.manual(); err != nil {
			return nil, "", err
		}
	}
	cfg, err := r.load(ctx, r.operation.unsigned)
	if err != nil {
		return nil, "", err
	}
	client := r.connect(cfg)
	once := func() (any, error) {
		output, err := r.operation.call(ctx, client, input)
		return output, r.explain(err)
	}
	if pages {
		return r.paging.fetch(input, once)
	}
	output, err = once()
	return output, "", err
}

// pagedByHand is whether --max-results or --next-token were given.
func pagedByHand(input any) bool {
	in := reflect.ValueOf(input).Elem()
	return !in.FieldByName("MaxResults").IsNil() || !in.FieldByName("NextToken").IsNil()
}

func (r *invocation) format(output any, next string) (string, error) {
	if r.print != nil {
		return r.print(output)
	}
	result := r.structTree(reflect.ValueOf(output).Elem())
	if next != "" {
		result["NextToken"] = next
	}
	if r.output == "text" {
		return formatText(result)
	}
	return formatJSON(result)
}

// describe gives the flags their usage: how each is written, and which must be
// given, as the SDK's validation has it.
func (r *invocation) describe(flags *pflag.FlagSet) {
	for _, arg := range r.arguments.list {
		flags.Lookup(arg.name).Usage = shape(arg.field.Type)
	}
	for _, member := range r.missing(r.operation, reflect.New(r.input).Interface()) {
		flag := flags.Lookup(kebab(member))
		flag.Usage = strings.TrimSpace(flag.Usage + " (required)")
	}
}

// missingError names required members that were not given: flags, and members
// of structures that were.
func missingError(members []string) error {
	var flags, inside []string
	for _, member := range members {
		if at := strings.LastIndexByte(member, '.'); at >= 0 {
			inside = append(inside, fmt.Sprintf("Missing required parameter in %s: \"%s\"", memberPath(member[:at]), lowerFirst(member[at+1:])))
		} else {
			flags = append(flags, "--"+kebab(member))
		}
	}
	if flags != nil {
		return fmt.Errorf("the following arguments are required: %s", strings.Join(flags, ", "))
	}
	return fmt.Errorf("Parameter validation failed:\n%s", strings.Join(inside, "\n"))
}

// memberPath is a path of struct fields as the API has it.
func memberPath(path string) string {
	names := strings.Split(path, ".")
	for i, name := range names {
		names[i] = lowerFirst(name)
	}
	return strings.Join(names, ".")
}
