package signing

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/sealwright/sealwright/internal/envelope"
)

const (
	digest256 = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	good      = `{"targetArtifact":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + digest256 + `","size":942}}`
	annotated = `{"targetArtifact":{"annotations":{"a":"b","c":""},"digest":"` + digest256 + `","mediaType":"a/b","size":0}}`
)

func TestPayloadAccepted(t *testing.T) {
	for _, payload := range []string{good, annotated, " " + good + "\n", strings.Replace(good, "digest", `\u0064igest`, 1)} {
		if err := checkPayload(envelope.PayloadMediaType, []byte(payload)); err != nil {
			t.Errorf("%s: %v", payload, err)
		}
	}
}

func TestPayloadRefused(t *testing.T) {
	swap := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for name, payload := range map[string]string{
		"not JSON":              "signed",
		"cut short":             good[:len(good)-1],
		"null":                  "null",
		"array":                 "[" + good + "]",
		"two objects":           good + good,
		"no target":             "{}",
		"null target":           `{"targetArtifact":null}`,
		"another member":        swap("}}", `},"other":1}`),
		"target twice":          swap("{", `{"targetArtifact":{},`),
		"case":                  swap("targetArtifact", "TargetArtifact"),
		"case of digest":        swap(`"digest"`, `"Digest"`),
		"digest twice":          swap(`"digest"`, `"digest":"`+digest256+`","digest"`),
		"digest twice, escaped": swap(`"digest"`, `"\u0064igest":"`+digest256+`","digest"`),
		"no digest":             swap(`"digest":"`+digest256+`",`, ""),
		"short digest":          swap(digest256, digest256[:70]),
		"upper-case digest":     swap("e3b0", "E3B0"),
		"md5":                   swap(digest256, "md5:d41d8cd98f00b204e9800998ecf8427e"),
		"digest is a number":    swap(`"`+digest256+`"`, "1"),
		"no media type":         swap(`"mediaType":"application/vnd.oci.image.manifest.v1+json",`, ""),
		"bad media type":        swap("application/", "application "),
		"no size":               swap(`,"size":942`, ""),
		"negative size":         swap("942", "-1"),
		"fraction":              swap("942", "9.5"),
		"size in quotes":        swap("942", `"942"`),
		"size null":             swap("942", "null"),
		"huge size":             swap("942", "9223372036854775808"),
		"unknown to verifiers":  swap(`"size"`, `"urls":["http://x"],"size"`),
		"annotations null":      swap(`"size"`, `"annotations":null,"size"`),
		"annotation number":     swap(`"size"`, `"annotations":{"a":1},"size"`),
		"annotation twice":      swap(`"size"`, `"annotations":{"a":"1","a":"2"},"size"`),
		"not UTF-8":             swap(`"size"`, "\"annotations\":{\"a\":\"\xff\"},\"size\""),
		"deep":                  strings.Repeat("[", 2000),
	} {
		if err := checkPayload(envelope.PayloadMediaType, []byte(payload)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzPayload holds that what is accepted means the same to an ordinary reader,
// strict about what it does not know.
func FuzzPayload(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(annotated))
	f.Add([]byte(`{"targetArtifact":{"mediaType":"a/b","digest":"` + digest256 + `","size":1e2}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		err := checkPayload(envelope.PayloadMediaType, payload)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		var read struct {
			TargetArtifact struct {
				MediaType   string            `json:"mediaType"`
				Digest      digest.Digest     `json:"digest"`
				Size        int64             `json:"size"`
				Annotations map[string]string `json:"annotations"`
			} `json:"targetArtifact"`
		}
		decoder := json.NewDecoder(bytes.NewReader(payload))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&read); err != nil {
			t.Fatalf("accepted %q, which does not read: %v", payload, err)
		}
		if a := read.TargetArtifact; a.Digest.Validate() != nil || a.MediaType == "" || a.Size < 0 {
			t.Errorf("accepted %q, read as %+v", payload, a)
		}
	})
}

// BenchmarkCheckPayload is compared with a raw P-384 signature, 140 µs.
func BenchmarkCheckPayload(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := checkPayload(envelope.PayloadMediaType, []byte(good)); err != nil {
			b.Fatal(err)
		}
	}
}
