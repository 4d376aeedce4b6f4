package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/signer"

	"github.com/sealwright/sealwright/bench/internal/load"
)

// errRecorded is how a recorder ends a call.
var errRecorded = errors.New("recorded, not sent")

// recorder is an HTTP client for the AWS SDK that keeps the signed request
// instead of sending it. So what the bench sends is, byte for byte, what an SDK
// would have: its headers, its signature, its host prefix.
type recorder struct{ wire bytes.Buffer }

func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	r.wire.Reset()
	if err := req.Write(&r.wire); err != nil {
		return nil, err
	}
	return nil, errRecorded
}

// record makes one request with the SDK's client. The service accepts it for
// five minutes from now, and as often as it is sent: SigV4 has no nonce.
func (s *service) record(call func(*signer.Client) error) (load.Request, error) {
	var r recorder
	config := s.awsConfig()
	config.HTTPClient = &r
	err := call(signer.NewFromConfig(config))
	if !errors.Is(err, errRecorded) {
		return nil, fmt.Errorf("the SDK did not make a request: %w", err)
	}
	return bytes.Clone(r.wire.Bytes()), nil
}

// recordSignPayload makes requests to sign the payloads of that many images,
// each its own.
func (s *service) recordSignPayload(ctx context.Context, count int) ([]load.Request, error) {
	requests := make([]load.Request, count)
	for i := range requests {
		d := describe(imageManifest, fmt.Append(nil, "image ", i))
		payload := fmt.Appendf(nil, `{"targetArtifact":{"mediaType":%q,"digest":%q,"size":%d}}`, d.MediaType, d.Digest, d.Size)
		var err error
		requests[i], err = s.record(func(c *signer.Client) error {
			_, err := c.SignPayload(ctx, &signer.SignPayloadInput{
				ProfileName:   aws.String(profile),
				Payload:       payload,
				PayloadFormat: aws.String("application/vnd.cncf.notary.payload.v1+json"),
			})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return requests, nil
}

// replay sends the requests in turn and wants the status of each.
func replay(requests []load.Request, status int) func(*load.Conn, int) error {
	return func(c *load.Conn, n int) error {
		_, err := c.Expect(status, requests[n%len(requests)])
		return err
	}
}

// repeat sends one request again and again and wants the same answer each time.
func repeat(request load.Request, body []byte) func(*load.Conn, int) error {
	check := same(body)
	return func(c *load.Conn, _ int) error {
		a, err := c.Expect(http.StatusOK, request)
		if err != nil {
			return err
		}
		return check(a)
	}
}

// same checks that an answer is the one that is known.
func same(body []byte) func(load.Answer) error {
	return func(a load.Answer) error {
		if a.Status != http.StatusOK || !bytes.Equal(a.Body, body) {
			return fmt.Errorf("an answer, status %d, of %d bytes differs from the first, of %d: %.200q", a.Status, len(a.Body), len(body), a.Body)
		}
		return nil
	}
}
