package cli

import (
	"context"
	"errors"
	"fmt"

	notationregistry "github.com/notaryproject/notation-go/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"
)

func (a *app) listCommand() *cobra.Command {
	var where locator
	var maxSignatures int
	cmd := &cobra.Command{
		Use:     "list [flags] <reference>",
		Aliases: []string{"ls"},
		Short:   "List signatures of the signed artifact",
		Long: `List all the signatures associated with signed artifact

Example - List signatures of an OCI artifact:
  sealwright list <registry>/<repository>@<digest>
`,
		Args: oneReference("list"),
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			where.settle(a, cmd)
			return a.checkExperimental(cmd, "oci-layout")
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkMaxSignatures(maxSignatures); err != nil {
				return err
			}
			return a.list(a.context(cmd), where, args[0], maxSignatures)
		},
	}
	a.addDebug(cmd)
	where.registryFlags.add(cmd)
	addMaxSignatures(cmd, &maxSignatures)
	cmd.Flags().BoolVar(&where.layout, "oci-layout", false, "[Experimental] list signatures stored in OCI image layout")
	hideExperimental(cmd, "oci-layout")
	return cmd
}

// list prints the tree of an artifact's signatures.
func (a *app) list(ctx context.Context, where locator, reference string, maxSignatures int) error {
	found, err := where.find(ctx, a, reference)
	if err != nil {
		return err
	}
	a.warnOfTag("list", found)
	root := &node{text: found.reference()}
	signatures := root.add(notationregistry.ArtifactTypeNotation)
	err = eachSignature(ctx, found, maxSignatures, func(signature ocispec.Descriptor) error {
		signatures.add(signature.Digest.String())
		return nil
	})
	var many tooManySignatures
	if errors.As(err, &many) {
		fmt.Fprintf(a.Err, "Warning: %v\n", many)
	} else if err != nil {
		return err
	}
	if len(signatures.children) == 0 {
		fmt.Fprintf(a.Out, "%s has no associated signatures\n", found.reference())
		return nil
	}
	return root.print(a.Out)
}

// tooManySignatures says that an artifact has more signatures than the limit.
type tooManySignatures struct{ limit int }

func (e tooManySignatures) Error() string {
	return fmt.Sprintf("exceeded configured limit of max signatures %d to examine", e.limit)
}

// eachSignature calls fn with each signature of the artifact. It fails with
// tooManySignatures when there are more than limit.
func eachSignature(ctx context.Context, found artifact, limit int, fn func(ocispec.Descriptor) error) error {
	seen := 0
	return found.repository.ListSignatures(ctx, found.descriptor, func(page []ocispec.Descriptor) error {
		for _, signature := range page {
			if seen++; seen > limit {
				return tooManySignatures{limit}
			}
			if err := fn(signature); err != nil {
				return err
			}
		}
		return nil
	})
}
