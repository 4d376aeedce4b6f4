package signing

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/sealwright/sealwright/internal/envelope"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
)

// mediaType is RFC 6838's grammar, as the OCI image specification asks for it.
var mediaType = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$`)

// checkPayload says whether the bytes are a Notary Project payload and nothing
// else: {"targetArtifact":{mediaType, digest, size[, annotations]}}. It is
// strict, because what is signed will be read by others: a member given twice,
// or one that notation does not know, could mean one thing to us and another to
// them. It fails with [ErrInvalid].
//
// Source: https://github.com/notaryproject/specifications/blob/v1.1.0/specs/signature-specification.md#payload
func checkPayload(format string, payload []byte) error {
	if format != envelope.PayloadMediaType {
		return fault.Becausef(ErrInvalid, "payloadFormat %.100q is not supported: it must be %s", format, envelope.PayloadMediaType)
	}
	if len(payload) < 1 || len(payload) > envelope.MaxPayload {
		return fault.Becausef(ErrInvalid, "the payload has %d bytes: it must have 1 to %d", len(payload), envelope.MaxPayload)
	}
	if !utf8.Valid(payload) {
		return badPayload("it is not UTF-8")
	}
	top, err := members(payload)
	if err != nil {
		return badPayload(err.Error())
	}
	if len(top) != 1 || top["targetArtifact"] == nil {
		return badPayload("it must have targetArtifact and nothing else")
	}
	return checkTarget(top["targetArtifact"])
}

func badPayload(why string) error {
	return fault.Becausef(ErrInvalid, "the payload is not a Notary Project payload: %s", why)
}

// checkTarget checks the descriptor of what is signed.
func checkTarget(data json.RawMessage) error {
	target, err := members(data)
	if err != nil {
		return badPayload("targetArtifact: " + err.Error())
	}
	var digest, kind string
	var size int64
	switch {
	case json.Unmarshal(target["mediaType"], &kind) != nil || !mediaType.MatchString(kind):
		return badPayload("targetArtifact.mediaType must be a media type")
	case json.Unmarshal(target["digest"], &digest) != nil || !isDigest(digest):
		return badPayload("targetArtifact.digest must be sha256: or sha512: and lower-case hex")
	case json.Unmarshal(target["size"], &size) != nil || size < 0 || string(target["size"]) == "null":
		return badPayload("targetArtifact.size must be a number of bytes")
	}
	if err := checkAnnotations(target["annotations"]); err != nil {
		return err
	}
	for _, known := range []string{"mediaType", "digest", "size", "annotations"} {
		delete(target, known)
	}
	for _, name := range slices.Sorted(maps.Keys(target)) {
		return fault.Becausef(ErrInvalid, "the payload is not a Notary Project payload: targetArtifact has %.100q, which verifiers do not know", name)
	}
	return nil
}

func isDigest(s string) bool {
	_, err := ociref.ParseDigest(s)
	return err == nil
}

// checkAnnotations accepts none, or an object of strings.
func checkAnnotations(data json.RawMessage) error {
	if data == nil {
		return nil
	}
	annotations, err := members(data)
	if err != nil {
		return badPayload("targetArtifact.annotations: " + err.Error())
	}
	for _, value := range annotations {
		if value[0] != '"' {
			return badPayload("targetArtifact.annotations must have strings as values")
		}
	}
	return nil
}

// members reads a JSON object, refusing members given twice and anything after
// it. Its errors are for the caller to read.
func members(data []byte) (map[string]json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	found := map[string]json.RawMessage{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, errors.New("not JSON")
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, errors.New("not JSON")
		}
		key := name.(string) // in an object, or Token fails
		if _, twice := found[key]; twice {
			return nil, errors.New("a member is given twice")
		}
		found[key] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, errors.New("not JSON")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object")
	}
	return found, nil
}
