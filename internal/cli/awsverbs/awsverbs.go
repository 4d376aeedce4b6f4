// Package awsverbs gives the operations of Signer, ECR, IAM and STS their place on
// the command line, under the names, flags and output the aws program has for
// them, so that this program is enough where that one is not installed:
//
//	sealwright signer put-signing-profile --profile-name web --platform-id Notation-OCI-SHA384-ECDSA
//	sealwright ecr batch-delete-image --repository-name curl --image-ids imageTag=v1 imageTag=v2
//
// There is one mechanism for all of them. An operation is a row of a table: a
// method of the AWS SDK's client and a line of text. Its flags are read off the
// method's Input struct, its output off the Output struct, and what is required
// is what the SDK's own validation misses. So a new operation costs one row.
//
// Source of names, syntax and wording: the AWS CLI, version 2. What is not
// taken over: --query, and the output formats table, yaml and off.
package awsverbs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Commands returns the commands signer, ecr, iam and sts, to be added to a root
// command. They write results to the command's standard output and return
// errors unprinted, in the words of the aws program and without its "aws:"
// prefix. They read the process's environment and the shared AWS configuration
// files through the AWS SDK's own loader, when they run and not before.
func Commands() []*cobra.Command {
	var commands []*cobra.Command
	for _, s := range services() {
		commands = append(commands, s.command())
	}
	return commands
}

// settings are the flags all operations share.
type settings struct {
	region, profile, endpoint string
	output, query, blobs      string
	noPaginate, noPager       bool
}

func (g *settings) addTo(flags *pflag.FlagSet) {
	flags.StringVar(&g.region, "region", "", "the region to use, instead of AWS_REGION or the profile's")
	flags.StringVar(&g.profile, "profile", "", "the profile of the shared AWS configuration to use")
	flags.StringVar(&g.endpoint, "endpoint-url", "", "the service's address, instead of AWS_ENDPOINT_URL or the profile's")
	flags.StringVar(&g.output, "output", "json", "how to print the result: json or text")
	flags.StringVar(&g.blobs, "cli-binary-format", base64Blobs, "how blobs are given: base64 or raw-in-base64-out; fileb:// is always raw")
	flags.BoolVar(&g.noPaginate, "no-paginate", false, "fetch the first page only")
	flags.StringVar(&g.query, "query", "", "")
	flags.BoolVar(&g.noPager, "no-cli-pager", false, "")
	_ = flags.MarkHidden("query")        // never fails: the flag is there;
	_ = flags.MarkHidden("no-cli-pager") // accepted, since there is no pager
}

func (g *settings) check() error {
	if g.query != "" {
		return fmt.Errorf("--query is not supported here: use --output json and a program such as jq")
	}
	for flag, choice := range map[string][]string{
		"output " + g.output:           {"json", "text"},
		"cli-binary-format " + g.blobs: {base64Blobs, rawBlobs},
	} {
		name, value, _ := strings.Cut(flag, " ")
		if !slices.Contains(choice, value) {
			return fmt.Errorf("argument --%s: Found invalid choice '%s': use %s", name, value, strings.Join(choice, " or "))
		}
	}
	return nil
}

// command is the service with its operations as subcommands.
func (s service) command() *cobra.Command {
	shared := &settings{}
	cmd := &cobra.Command{
		Use:   s.name,
		Short: s.doc,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("argument operation: Found invalid choice '%s': see sealwright %s --help", args[0], s.name)
			}
			return cmd.Help()
		},
	}
	shared.addTo(cmd.PersistentFlags())
	cmd.SetFlagErrorFunc(flagError)
	for _, op := range s.operations {
		cmd.AddCommand(s.operationCommand(op, shared))
	}
	return cmd
}

// operationCommand is one operation with its flags.
func (s service) operationCommand(op operation, shared *settings) *cobra.Command {
	run := &invocation{service: s, operation: op, settings: shared}
	cmd := &cobra.Command{
		Use:   op.verb,
		Short: op.doc,
		Args:  cobra.ArbitraryArgs, // continue a list: --statuses Active Canceled
		RunE: func(cmd *cobra.Command, rest []string) error {
			return run.run(cmd.Context(), cmd.OutOrStdout(), rest)
		},
	}
	run.arguments = newArguments(op.input, cmd.Flags())
	if op.pageable() {
		run.paging.addTo(cmd.Flags())
	}
	help := cmd.HelpFunc()
	cmd.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		run.describe(cmd.Flags())
		help(cmd, args)
	})
	return cmd
}
