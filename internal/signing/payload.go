package signing

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/sealwright/sealwright/internal/envelope"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
)

// mediaType is RFC 6838's grammar, as the OCI image specification asks for it.
var mediaType = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$`)
})

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
	if !utf8.Valid(payload) || !json.Valid(payload) {
		return badPayload("it is not JSON in UTF-8")
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
	size, err := strconv.ParseInt(string(target["size"]), 10, 64)
	switch {
	case !mediaType().MatchString(text(target["mediaType"])):
		return badPayload("targetArtifact.mediaType must be a media type")
	case !isDigest(text(target["digest"])):
		return badPayload("targetArtifact.digest must be sha256: or sha512: and lower-case hex")
	case err != nil || size < 0:
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
		if !isString(value) {
			return badPayload("targetArtifact.annotations must have strings as values")
		}
	}
	return nil
}
