package main

import (
	"context"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/signer"

	"github.com/sealwright/sealwright/bench/internal/load"
	"github.com/sealwright/sealwright/bench/internal/table"
)

// revocationStatus measures GetRevocationStatus for signatures that are in good
// standing, as every verification asks.
type revocationStatus struct {
	questions []signer.GetRevocationStatusInput
	answer    []byte
}

// distinctSignatures is of how many signatures the status is asked in turn.
const distinctSignatures = 128

func (e *revocationStatus) prepare(ctx context.Context, b *bench) error {
	if _, _, err := b.ours.putProfile(ctx); err != nil {
		return err
	}
	requests, err := b.ours.recordSignPayload(ctx, distinctSignatures)
	if err != nil {
		return err
	}
	for _, r := range requests {
		answer, err := sendOnce(ctx, b.ours.registry.address, r)
		if err != nil {
			return err
		}
		question, err := questionAbout(answer)
		if err != nil {
			return fmt.Errorf("the signature of SignPayload: %w", err)
		}
		e.questions = append(e.questions, question)
	}
	return e.keepAnswer(ctx, b)
}

// keepAnswer asks once, sees that nothing is revoked, and teaches the floor.
func (e *revocationStatus) keepAnswer(ctx context.Context, b *bench) error {
	requests, err := e.record(ctx, b.ours)
	if err != nil {
		return err
	}
	if e.answer, err = sendOnce(ctx, b.ours.registry.address, requests[0]); err != nil {
		return err
	}
	var out struct {
		RevokedEntities []string `json:"revokedEntities"`
	}
	if err := json.Unmarshal(e.answer, &out); err != nil {
		return err
	}
	if len(out.RevokedEntities) > 0 {
		return fmt.Errorf("a signature just made is called revoked: %q", out.RevokedEntities)
	}
	return b.floor.keep(ctx, "/revocations", e.answer)
}

func (e *revocationStatus) record(ctx context.Context, s *service) ([]load.Request, error) {
	requests := make([]load.Request, len(e.questions))
	for i := range e.questions {
		var err error
		requests[i], err = s.record(func(c *signer.Client) error {
			_, err := c.GetRevocationStatus(ctx, &e.questions[i])
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return requests, nil
}

func (e *revocationStatus) round(ctx context.Context, b *bench, _ int) error {
	requests, err := e.record(ctx, b.ours)
	if err != nil {
		return err
	}
	ask := func(c *load.Conn, n int) error { return repeat(requests[n%len(requests)], e.answer)(c, n) }
	plan := load.Plan{Address: b.ours.registry.address, Connections: 64, Duration: b.duration, Do: ask}
	ours, err := loadServer(ctx, b.ours.process, plan)
	if err != nil {
		return err
	}
	plan.Address, plan.Duration = b.floor.registry.address, b.duration/2
	floor, err := loadServer(ctx, b.floor.process, plan)
	if err != nil {
		return err
	}
	const work = "GetRevocationStatus, 64 connections"
	b.table.Add(table.Measurement{Work: work + ": server CPU", Unit: table.Seconds, Value: ours.cpu, Beside: floorName, Limit: floor.cpu})
	b.addRateAndLatency(work, ours, floorName, floor)
	return halfRate{"GetRevocationStatus", requests, same(e.answer), ours.Rate(), floor.Rate()}.add(ctx, b)
}

// questionAbout reads from an answer of SignPayload what a verifier asks about.
func questionAbout(answer []byte) (q signer.GetRevocationStatusInput, err error) {
	var out struct {
		Signature []byte `json:"signature"`
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return q, err
	}
	var envelope struct {
		Protected string `json:"protected"`
		Header    struct {
			Chain [][]byte `json:"x5c"`
		} `json:"header"`
	}
	if err := json.Unmarshal(out.Signature, &envelope); err != nil {
		return q, err
	}
	protected, err := base64.RawURLEncoding.DecodeString(envelope.Protected)
	if err != nil {
		return q, err
	}
	if q, err = questionOf(protected); err != nil {
		return q, err
	}
	q.CertificateHashes, err = certificateHashes(envelope.Header.Chain)
	return q, err
}

// questionOf takes what the protected header says.
func questionOf(protected []byte) (q signer.GetRevocationStatusInput, err error) {
	var header struct {
		Time    time.Time `json:"io.cncf.notary.authenticSigningTime"`
		Version string    `json:"com.amazonaws.signer.signingProfileVersion"`
		Job     string    `json:"com.amazonaws.signer.signingJob"`
	}
	if err := json.Unmarshal(protected, &header); err != nil {
		return q, err
	}
	return signer.GetRevocationStatusInput{
		SignatureTimestamp: &header.Time,
		PlatformId:         aws.String(platform),
		ProfileVersionArn:  &header.Version,
		JobArn:             &header.Job,
	}, nil
}

// certificateHashes are, for each certificate of the chain, the SHA-384 of its
// to-be-signed part followed by that of its issuer; the root issues itself.
func certificateHashes(chain [][]byte) ([]string, error) {
	if len(chain) == 0 {
		return nil, errors.New("it has no certificates")
	}
	sums := make([]string, len(chain))
	for i, der := range chain {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		sum := sha512.Sum384(certificate.RawTBSCertificate)
		sums[i] = hex.EncodeToString(sum[:])
	}
	hashes := make([]string, len(chain))
	for i := range sums {
		hashes[i] = sums[i] + sums[min(i+1, len(sums)-1)]
	}
	return hashes, nil
}
