package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-go/plugin/proto"
	notationregistry "github.com/notaryproject/notation-go/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"
)

// inspectFlags are the flags of inspect.
type inspectFlags struct {
	locator
	output        string
	maxSignatures int
}

func (a *app) inspectCommand() *cobra.Command {
	var f inspectFlags
	cmd := &cobra.Command{
		Use:   "inspect [reference]",
		Short: "Inspect all signatures associated with the signed artifact",
		Long: `Inspect all signatures associated with the signed artifact.

Example - Inspect signatures on an OCI artifact identified by a digest:
  sealwright inspect <registry>/<repository>@<digest>

Example - Inspect signatures on an OCI artifact identified by a digest and output as json:
  sealwright inspect --output json <registry>/<repository>@<digest>
`,
		Args: oneReference("inspect"),
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			f.settle(a, cmd)
			if f.output != "tree" && f.output != "json" {
				return fmt.Errorf("invalid format: %q", f.output)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkMaxSignatures(f.maxSignatures); err != nil {
				return err
			}
			return a.inspect(a.context(cmd), &f, args[0])
		},
	}
	a.addDebug(cmd)
	f.registryFlags.add(cmd)
	addMaxSignatures(cmd, &f.maxSignatures)
	cmd.Flags().StringVarP(&f.output, "output", "o", "tree", "output format, options: 'json', 'tree'")
	return cmd
}

// inspected is one signature, read but not trusted.
type inspected struct {
	digest    string
	mediaType string // of the envelope
	algorithm string
	content   *signature.EnvelopeContent
	artifact  ocispec.Descriptor // what it says it signs
}

// inspect prints what the artifact's signatures say.
func (a *app) inspect(ctx context.Context, f *inspectFlags, reference string) error {
	found, err := f.find(ctx, a, reference)
	if err != nil {
		return err
	}
	a.warnOfTag("inspect", found)
	var signatures []inspected
	skipped := false
	err = eachSignature(ctx, found, f.maxSignatures, func(descriptor ocispec.Descriptor) error {
		read, trouble := readSignature(ctx, found, descriptor)
		if trouble != "" {
			fmt.Fprintf(a.Err, "Warning: %s\n", oneLine(trouble))
			skipped = true
			return nil
		}
		signatures = append(signatures, read)
		return nil
	})
	var many tooManySignatures
	if err != nil && !errors.As(err, &many) {
		return err
	}
	if err := a.printInspected(f.output, found, signatures, skipped); err != nil {
		return err
	}
	if many.limit > 0 {
		fmt.Fprintf(a.Err, "Warning: %v\n", many)
	}
	if skipped {
		return errors.New("at least one signature was skipped and not displayed")
	}
	return nil
}

// printInspected prints signatures in the format asked for.
func (a *app) printInspected(format string, found artifact, signatures []inspected, skipped bool) error {
	if format == "json" {
		return a.printInspectedJSON(found, signatures)
	}
	if len(signatures) == 0 {
		if !skipped {
			fmt.Fprintf(a.Out, "%s has no associated signature\n", found.reference())
		}
		return nil
	}
	fmt.Fprintln(a.Out, "Inspecting all signatures for signed artifact")
	root := &node{text: found.reference()}
	list := root.add(notationregistry.ArtifactTypeNotation)
	for _, s := range signatures {
		s.tree(list)
	}
	return root.print(a.Out)
}

// readSignature fetches and parses one signature. Nothing of it is verified.
// What is in the way is told in Notation's words.
func readSignature(ctx context.Context, found artifact, descriptor ocispec.Descriptor) (read inspected, trouble string) {
	blob, layer, err := found.repository.FetchSignatureBlob(ctx, descriptor)
	if err != nil {
		return read, fmt.Sprintf("unable to fetch signature %s due to error: %v", descriptor.Digest, err)
	}
	if read, err = parseSignature(layer.MediaType, blob); err != nil {
		return read, fmt.Sprintf("Skipping signature %s because of error: %v", descriptor.Digest, err)
	}
	read.digest = descriptor.Digest.String()
	return read, ""
}

// parseSignature reads an envelope.
func parseSignature(mediaType string, blob []byte) (inspected, error) {
	envelope, err := signature.ParseEnvelope(mediaType, blob)
	if err != nil {
		return inspected{}, err
	}
	content, err := envelope.Content()
	if err != nil {
		return inspected{}, err
	}
	algorithm, err := proto.EncodeSigningAlgorithm(content.SignerInfo.SignatureAlgorithm)
	if err != nil {
		return inspected{}, err
	}
	artifact, err := signedArtifact(content.Payload)
	return inspected{mediaType: mediaType, algorithm: string(algorithm), content: content, artifact: artifact}, err
}

// signedArtifact reads the descriptor in a signature's payload.
func signedArtifact(payload signature.Payload) (ocispec.Descriptor, error) {
	const known = "application/vnd.cncf.notary.payload.v1+json"
	if payload.ContentType != known {
		return ocispec.Descriptor{}, fmt.Errorf("payload content type %q not supported", payload.ContentType)
	}
	var document struct {
		TargetArtifact ocispec.Descriptor `json:"targetArtifact"`
	}
	if err := json.Unmarshal(payload.Content, &document); err != nil {
		return ocispec.Descriptor{}, errors.New("failed to unmarshall the payload content to Payload")
	}
	return document.TargetArtifact, nil
}
