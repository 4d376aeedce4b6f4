// Package authority is the installation's certificate authority, and the only
// place where private keys are.
//
// There are three certificates in a chain, all P-384 with ECDSA-SHA384: a root
// that verifiers trust, an issuing CA, and the leaf that signs. The keys of the
// first two are kept sealed and opened for the moment of one issuance. A leaf's
// key is made in this process, never leaves its memory, and is replaced long
// before its certificate ends; so each replica has a leaf of its own and none
// shares a private key.
//
// Short-lived leaves are sound because signatures are made under the scheme
// notary.x509.signingAuthority: verifiers ask whether every certificate was
// valid at the authentic signing time, not whether it is valid now.
//
// Source of the certificate rules:
// https://github.com/notaryproject/specifications/blob/v1.1.0/specs/signature-specification.md#certificate-requirements
package authority
