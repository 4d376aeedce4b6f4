package main

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/sealwright/sealwright/bench/internal/load"
)

const (
	configSize   = 1 << 10
	layerSize    = 16 << 10
	envelopeSize = 3 << 10 // about what a signature with its chain takes
)

// images makes images and signatures, no two alike. It may be used by many
// connections at once; its zero value is ready.
type images struct {
	made atomic.Uint64
	once sync.Once
	salt [layerSize]byte // random, so that no two runs or experiments agree
}

// content is size bytes that were never made before.
func (i *images) content(size int) []byte {
	i.once.Do(func() { rand.Read(i.salt[:]) })
	content := append([]byte(nil), i.salt[:size]...)
	binary.BigEndian.PutUint64(content, i.made.Add(1))
	return content
}

// push pushes a new image of two blobs and a manifest, with a tag of its own.
func (i *images) push(c *load.Conn, to registry, repository string) (m manifest, err error) {
	config, err := to.pushBlob(c, repository, fmt.Appendf(nil, `{"architecture":"amd64","os":"linux","created":"%x"}`, i.content(configSize/2)))
	if err != nil {
		return m, err
	}
	layer, err := to.pushBlob(c, repository, i.content(layerSize))
	if err != nil {
		return m, err
	}
	config.MediaType, layer.MediaType = imageConfig, imageLayer
	m = manifestOf(config, layer, nil, "")
	return m, to.pushManifest(c, repository, "t"+strconv.FormatUint(i.made.Load(), 10)+"-"+m.Digest[7:19], m)
}

// sign pushes a new signature of an image: its blob, and its manifest by digest.
// The empty configuration must be there.
func (i *images) sign(c *load.Conn, to registry, repository string, subject descriptor) (m manifest, err error) {
	envelope, err := to.pushBlob(c, repository, i.content(envelopeSize))
	if err != nil {
		return m, err
	}
	envelope.MediaType = envelopeType
	return i.attach(c, to, repository, subject, envelope)
}

// attach pushes a new signature manifest around an envelope that is there.
func (i *images) attach(c *load.Conn, to registry, repository string, subject, envelope descriptor) (manifest, error) {
	subject.ArtifactType = ""
	config := describe(emptyConfig, []byte("{}"))
	m := manifestOf(config, envelope, &subject, fmt.Sprintf("signature %d", i.made.Add(1)))
	return m, to.pushManifest(c, repository, m.Digest, m)
}
