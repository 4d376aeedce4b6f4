package registry

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
)

const (
	digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestB = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// desc is a descriptor's JSON.
func desc(mediaType, digest string, size int, extra string) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d%s}`, mediaType, digest, size, extra)
}

var (
	config = desc("application/vnd.oci.image.config.v1+json", digestA, 100, "")
	layer  = desc("application/vnd.oci.image.layer.v1.tar+gzip", digestB, 1000, "")
)

// image is an image manifest's JSON.
func image(fields string) string { return `{"schemaVersion":2,` + fields + `}` }

func TestParseImage(t *testing.T) {
	foreign := desc("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "sha256:"+strings.Repeat("c", 64), 10, `,"urls":["http://x"]`)
	m, err := ParseManifest("", []byte(image(`"mediaType":"`+MediaTypeImage+`","config":`+config+`,"layers":[`+layer+`,`+layer+`,`+foreign+`],"annotations":{"k":"v"},"x":{"y":[]}`)))
	if err != nil {
		t.Fatal(err)
	}
	if m.ImageSize != 2110 || !slices.Equal(m.Blobs, []ociref.Digest{digestA, digestB}) || m.Children != nil || m.Subject != "" {
		t.Errorf("image: %+v", m)
	}
	if m.ArtifactType != "application/vnd.oci.image.config.v1+json" || m.Annotations["k"] != "v" || m.MediaType != MediaTypeImage {
		t.Errorf("image: %+v", m)
	}
}

func TestParseSignature(t *testing.T) {
	// As Notation makes them: an empty config, and a subject.
	m, err := ParseManifest(MediaTypeImage, []byte(image(`"mediaType":"`+MediaTypeImage+`","artifactType":"application/vnd.cncf.notary.signature","config":`+
		desc("application/vnd.oci.empty.v1+json", "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", 2, `,"data":"e30="`)+`,"layers":[`+layer+`],"subject":`+desc(MediaTypeImage, digestA, 500, ""))))
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject != digestA || m.ArtifactType != "application/vnd.cncf.notary.signature" || m.ImageSize != 1002 {
		t.Errorf("signature: %+v", m)
	}
}

func TestParseIndex(t *testing.T) {
	list := `[` + desc(MediaTypeImage, digestA, 1, `,"platform":{"architecture":"amd64","os":"linux"}`) + `,` + desc(MediaTypeDockerImage, digestA, 1, "") + `,` + desc("application/octet-stream", digestB, 1, "") + `]`
	for _, mediaType := range []string{MediaTypeIndex, MediaTypeDockerList} {
		m, err := ParseManifest(mediaType, []byte(image(`"manifests":`+list+`,"subject":`+desc(MediaTypeImage, digestB, 1, ""))))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(m.Children, []ociref.Digest{digestA}) || !slices.Equal(m.Blobs, []ociref.Digest{digestB}) || m.ArtifactType != "" {
			t.Errorf("%s: %+v", mediaType, m)
		}
		if (m.Subject != "") != (mediaType == MediaTypeIndex) {
			t.Errorf("%s has subject %q", mediaType, m.Subject)
		}
	}
}

func TestParseRefusals(t *testing.T) {
	full := `"config":` + config + `,"layers":[` + layer + `]`
	wrongData := desc("a/b", digestA, 2, `,"data":"`+base64.StdEncoding.EncodeToString([]byte("{}"))+`"`)
	for name, c := range map[string]struct {
		declared, content string
		want              *fault.Error
	}{
		"nothing":                    {MediaTypeImage, "", ErrManifestInvalid},
		"a list":                     {MediaTypeImage, "[]", ErrManifestInvalid},
		"null":                       {MediaTypeImage, "null", ErrManifestInvalid},
		"half an object":             {MediaTypeImage, `{"schemaVersion":2`, ErrManifestInvalid},
		"something after it":         {MediaTypeImage, image(full) + `{}`, ErrManifestInvalid},
		"not UTF-8":                  {MediaTypeImage, image(full + `,"x":"` + "\xff" + `"`), ErrManifestInvalid},
		"nested deeply":              {MediaTypeImage, image(full + `,"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000)), ErrManifestInvalid},
		"too many values":            {MediaTypeImage, image(full + `,"x":[` + strings.Repeat("0,", maxValues) + `0]`), ErrManifestInvalid},
		"a field twice":              {MediaTypeImage, image(full + `,"config":` + layer), ErrManifestInvalid},
		"a descriptor's field twice": {MediaTypeImage, image(`"config":{"mediaType":"a/b","digest":"` + digestA + `","digest":"` + digestB + `","size":1}`), ErrManifestInvalid},
		"Config for config":          {MediaTypeImage, image(`"Config":` + config), ErrManifestInvalid},
		"schema version 1":           {MediaTypeImage, `{"schemaVersion":1,` + full + `}`, ErrManifestInvalid},
		"no schema version":          {MediaTypeImage, `{` + full + `}`, ErrManifestInvalid},
		"no config":                  {MediaTypeImage, image(`"layers":[]`), ErrManifestInvalid},
		"no manifests":               {MediaTypeIndex, image(`"annotations":{}`), ErrManifestInvalid},
		"an image with manifests":    {MediaTypeImage, image(full + `,"manifests":[]`), ErrManifestInvalid},
		"an index with layers":       {MediaTypeIndex, image(`"manifests":[],"layers":[` + layer + `]`), ErrManifestInvalid},
		"layers no list":             {MediaTypeImage, image(`"config":` + config + `,"layers":{}`), ErrManifestInvalid},
		"a layer no object":          {MediaTypeImage, image(`"config":` + config + `,"layers":["x"]`), ErrManifestInvalid},
		"too many layers":            {MediaTypeImage, image(`"config":` + config + `,"layers":[` + strings.Repeat(layer+`,`, maxDescriptors) + layer + `]`), ErrManifestInvalid},
		"no digest":                  {MediaTypeImage, image(`"config":{"mediaType":"a/b","size":1}`), ErrManifestInvalid},
		"a digest that is a path":    {MediaTypeImage, image(`"config":` + desc("a/b", "sha256:../../etc", 1, "")), ErrManifestInvalid},
		"no size":                    {MediaTypeImage, image(`"config":{"mediaType":"a/b","digest":"` + digestA + `"}`), ErrManifestInvalid},
		"a negative size":            {MediaTypeImage, image(`"config":` + desc("a/b", digestA, -1, "")), ErrManifestInvalid},
		"a size too large":           {MediaTypeImage, image(`"config":{"mediaType":"a/b","digest":"` + digestA + `","size":1e30}`), ErrManifestInvalid},
		"sizes that overflow":        {MediaTypeImage, image(`"config":` + desc("a/b", digestA, 1<<62, "") + `,"layers":[` + desc("a/b", digestB, 1<<62, "") + `]`), ErrManifestInvalid},
		"data that is not it":        {MediaTypeImage, image(`"config":` + wrongData), ErrManifestInvalid},
		"an annotation no string":    {MediaTypeImage, image(full + `,"annotations":{"a":1}`), ErrManifestInvalid},
		"a control character":        {MediaTypeImage, image(full + `,"artifactType":"a/b\nc"`), ErrManifestInvalid},
		"a malformed subject":        {MediaTypeImage, image(full + `,"subject":{"digest":"latest"}`), ErrManifestInvalid},
		"no media type at all":       {"", image(full), ErrMediaType},
		"two media types":            {MediaTypeIndex, image(full + `,"mediaType":"` + MediaTypeImage + `"`), ErrMediaType},
		"an unknown media type":      {"application/json", image(full), ErrMediaType},
		"schema 1":                   {"application/vnd.docker.distribution.manifest.v1+prettyjws", `{"schemaVersion":1}`, ErrMediaType},
		"the artifact manifest":      {"application/vnd.oci.artifact.manifest.v1+json", image(full), ErrMediaType},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseManifest(c.declared, []byte(c.content))
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if message, ok := fault.Message(err); !ok || message == c.want.Error() {
				t.Errorf("the message does not say what is wrong: %q", message)
			}
		})
	}
}

// FuzzParseManifest: what is accepted reads the same to Go's own decoder, and
// names only digests.
func FuzzParseManifest(f *testing.F) {
	f.Add(MediaTypeImage, []byte(image(`"config":`+config+`,"layers":[`+layer+`]`)))
	f.Add(MediaTypeIndex, []byte(image(`"manifests":[`+desc(MediaTypeImage, digestA, 1, "")+`]`)))
	f.Add("", []byte(image(`"mediaType":"`+MediaTypeDockerImage+`","config":`+config+`,"subject":`+layer)))
	f.Add(MediaTypeImage, []byte(image(`"config":`+config+`,"Config":`+layer+`,"x":[[[{}]]]`)))
	f.Fuzz(func(t *testing.T, mediaType string, content []byte) {
		m, err := ParseManifest(mediaType, content)
		if err != nil {
			if _, told := fault.Message(err); !told {
				t.Errorf("an internal error for a client's bytes: %v", err)
			}
			return
		}
		if !json.Valid(content) || m.ImageSize < 0 || m.ContentSize != int64(len(content)) || !isManifest(m.MediaType) {
			t.Errorf("accepted %q as %+v", content, m)
		}
		for _, d := range append(append([]ociref.Digest{}, m.Blobs...), m.Children...) {
			if _, err := ociref.ParseDigest(string(d)); err != nil {
				t.Error(err)
			}
		}
	})
}
