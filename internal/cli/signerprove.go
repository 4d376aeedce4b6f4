package cli

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/signer"
	"github.com/spf13/cobra"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/ownerfile"
	"github.com/sealwright/sealwright/internal/remote"
)

func (a *app) signerProveCommand() *cobra.Command {
	var endpoint, output string
	cmd := &cobra.Command{
		Use:   "prove JOB",
		Short: "Prove that a signing job is in the transparency log",
		Long: `Prove that a signing job is in the transparency log.

JOB is the job's ARN, for which no credentials are needed, or the ID of a job of
your account. The proof is in the form of https://c2sp.org/tlog-proof. Whoever has
it, the signature and the log's key can check it without any service:
  sealwright verify --require-log-proof FILE REFERENCE

An entry is in the log within seconds of the signature.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			proof, err := proveJob(cmd.Context(), endpoint, args[0])
			if err != nil {
				return err
			}
			if output != "" {
				return ownerfile.Write(output, proof)
			}
			_, err = a.Out.Write(proof)
			return err
		},
	}
	addEndpoint(cmd, &endpoint)
	cmd.Flags().StringVar(&output, "output", "", "file to write the proof to, instead of standard output")
	return cmd
}

func proveJob(ctx context.Context, endpoint, job string) ([]byte, error) {
	client, err := remote.NewSigner(ctx, remote.SignerOptions{Endpoint: endpoint, UserAgent: userAgent()})
	if err != nil {
		return nil, err
	}
	service, err := remote.Endpoint(client)
	if err != nil {
		return nil, err
	}
	owner, id, err := ownerOf(ctx, client, job)
	if err != nil {
		return nil, err
	}
	return remote.NewLog(service).Proof(ctx, owner, id)
}

// ownerOf finds whose job it is: its ARN says so, or else the service.
func ownerOf(ctx context.Context, client *signer.Client, job string) (arn.AccountID, string, error) {
	if parsed, err := arn.Parse(job); err == nil {
		id, ok := parsed.AsSigningJob()
		if !ok {
			return "", "", fmt.Errorf("%.200q is not the ARN of a signing job: want arn:aws:signer:REGION:ACCOUNT:/signing-jobs/ID", job)
		}
		return parsed.Account, id, nil
	}
	found, err := client.DescribeSigningJob(ctx, &signer.DescribeSigningJobInput{JobId: &job})
	if err != nil {
		return "", "", err
	}
	owner, err := arn.ParseAccountID(*found.JobOwner)
	return owner, job, err
}
