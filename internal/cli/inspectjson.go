package cli

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// The JSON that Notation's inspect prints.
type (
	inspectDocument struct {
		MediaType  string              `json:"mediaType"`
		Signatures []signatureDocument `json:"signatures"`
	}
	signatureDocument struct {
		Digest                string                `json:"digest,omitempty"`
		SignatureAlgorithm    string                `json:"signatureAlgorithm"`
		SignatureEnvelopeType string                `json:"signatureEnvelopeType"`
		SignedAttributes      map[string]any        `json:"signedAttributes"`
		UserDefinedAttributes map[string]string     `json:"userDefinedAttributes"`
		UnsignedAttributes    map[string]any        `json:"unsignedAttributes"`
		Certificates          []certificateDocument `json:"certificates"`
		SignedArtifact        ocispec.Descriptor    `json:"signedArtifact"`
	}
	certificateDocument struct {
		SHA256Fingerprint string    `json:"SHA256Fingerprint"`
		IssuedTo          string    `json:"issuedTo"`
		IssuedBy          string    `json:"issuedBy"`
		Expiry            time.Time `json:"expiry"`
	}
	timestampDocument struct {
		Timestamp    string                `json:"timestamp,omitempty"`
		Certificates []certificateDocument `json:"certificates,omitempty"`
		Error        string                `json:"error,omitempty"`
	}
)

// printInspectedJSON prints the document.
func (a *app) printInspectedJSON(found artifact, signatures []inspected) error {
	document := inspectDocument{MediaType: found.descriptor.MediaType, Signatures: []signatureDocument{}}
	for _, s := range signatures {
		document.Signatures = append(document.Signatures, s.document())
	}
	encoder := json.NewEncoder(a.Out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

func (s inspected) document() signatureDocument {
	artifact := s.artifact
	artifact.Annotations = nil // shown as user defined attributes
	return signatureDocument{
		Digest:                s.digest,
		SignatureAlgorithm:    s.algorithm,
		SignatureEnvelopeType: s.mediaType,
		SignedAttributes:      signedDocument(s.content),
		UserDefinedAttributes: s.artifact.Annotations,
		UnsignedAttributes:    unsignedDocument(s.content.SignerInfo),
		Certificates:          certificateDocuments(s.content.SignerInfo.CertificateChain),
		SignedArtifact:        artifact,
	}
}

func signedDocument(content *signature.EnvelopeContent) map[string]any {
	attributes := content.SignerInfo.SignedAttributes
	document := map[string]any{
		"contentType":   content.Payload.ContentType,
		"signingScheme": string(attributes.SigningScheme),
		"signingTime":   attributes.SigningTime,
	}
	if !attributes.Expiry.IsZero() {
		document["expiry"] = attributes.Expiry
	}
	for _, attribute := range attributes.ExtendedAttributes {
		document[fmt.Sprint(attribute.Key)] = fmt.Sprint(attribute.Value)
	}
	return document
}

func unsignedDocument(info signature.SignerInfo) map[string]any {
	document := make(map[string]any)
	if agent := info.UnsignedAttributes.SigningAgent; agent != "" {
		document["signingAgent"] = agent
	}
	if info.UnsignedAttributes.TimestampSignature == nil {
		return document
	}
	at, chain, err := readTimestamp(info)
	if err != nil {
		document["timestampSignature"] = timestampDocument{Error: err.Error()}
		return document
	}
	document["timestampSignature"] = timestampDocument{
		Timestamp:    at.Format(time.RFC3339Nano),
		Certificates: certificateDocuments(chain),
	}
	return document
}

func certificateDocuments(chain []*x509.Certificate) []certificateDocument {
	var documents []certificateDocument
	for _, certificate := range chain {
		documents = append(documents, certificateDocument{
			SHA256Fingerprint: fingerprint(certificate),
			IssuedTo:          certificate.Subject.String(),
			IssuedBy:          certificate.Issuer.String(),
			Expiry:            certificate.NotAfter,
		})
	}
	return documents
}
