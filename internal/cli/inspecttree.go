package cli

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/tspclient-go"
)

// tree adds the signature to a tree, in Notation's layout.
func (s inspected) tree(parent *node) {
	info := s.content.SignerInfo
	n := parent.add(s.digest)
	n.pair("signature algorithm", s.algorithm)
	n.pair("signature envelope type", s.mediaType)
	s.signedAttributes(n.add("signed attributes"))
	s.userAttributes(n.add("user defined attributes"))
	unsigned := n.add("unsigned attributes")
	if agent := info.UnsignedAttributes.SigningAgent; agent != "" {
		unsigned.pair("signing agent", agent)
	}
	if info.UnsignedAttributes.TimestampSignature != nil {
		timestampTree(unsigned.add("timestamp signature"), info)
	}
	certificateTree(n, info.CertificateChain)
	artifact := n.add("signed artifact")
	artifact.pair("media type", s.artifact.MediaType)
	artifact.pair("digest", s.artifact.Digest.String())
	artifact.pair("size", strconv.FormatInt(s.artifact.Size, 10))
}

func (s inspected) signedAttributes(n *node) {
	attributes := s.content.SignerInfo.SignedAttributes
	n.pair("content type", s.content.Payload.ContentType)
	n.pair("signing scheme", string(attributes.SigningScheme))
	n.pair("signing time", attributes.SigningTime.Format(time.ANSIC))
	if !attributes.Expiry.IsZero() {
		n.pair("expiry", attributes.Expiry.Format(time.ANSIC))
	}
	for _, attribute := range sortedAttributes(attributes.ExtendedAttributes) {
		n.pair(fmt.Sprint(attribute.Key), fmt.Sprint(attribute.Value))
	}
}

// sortedAttributes orders attributes by name; as parsed they have no order.
func sortedAttributes(attributes []signature.Attribute) []signature.Attribute {
	return slices.SortedFunc(slices.Values(attributes), func(a, b signature.Attribute) int {
		return strings.Compare(fmt.Sprint(a.Key), fmt.Sprint(b.Key))
	})
}

func (s inspected) userAttributes(n *node) {
	if len(s.artifact.Annotations) == 0 {
		n.add("(empty)")
	}
	for _, key := range slices.Sorted(maps.Keys(s.artifact.Annotations)) {
		n.pair(key, s.artifact.Annotations[key])
	}
}

func timestampTree(n *node, info signature.SignerInfo) {
	at, chain, err := readTimestamp(info)
	if err != nil {
		n.pair("error", err.Error())
		return
	}
	n.pair("timestamp", at.Format(time.ANSIC))
	certificateTree(n, chain)
}

func certificateTree(parent *node, chain []*x509.Certificate) {
	list := parent.add("certificates")
	for _, certificate := range chain {
		n := list.pair("SHA256 fingerprint", fingerprint(certificate))
		n.pair("issued to", certificate.Subject.String())
		n.pair("issued by", certificate.Issuer.String())
		n.pair("expiry", certificate.NotAfter.Format(time.ANSIC))
	}
}

// fingerprint is the SHA-256 of a certificate in hex.
func fingerprint(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.Raw)
	return hex.EncodeToString(sum[:])
}

// readTimestamp reads the RFC 3161 countersignature.
func readTimestamp(info signature.SignerInfo) (*tspclient.Timestamp, []*x509.Certificate, error) {
	const failed = "failed to parse timestamp countersignature: %w"
	token, err := tspclient.ParseSignedToken(info.UnsignedAttributes.TimestampSignature)
	if err != nil {
		return nil, nil, fmt.Errorf(failed, err)
	}
	content, err := token.Info()
	if err != nil {
		return nil, nil, fmt.Errorf(failed, err)
	}
	at, err := content.Validate(info.Signature)
	if err != nil {
		return nil, nil, fmt.Errorf(failed, err)
	}
	return at, token.Certificates, nil
}
