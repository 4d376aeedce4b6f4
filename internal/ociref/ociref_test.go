package ociref

import (
	"strings"
	"testing"
	"unsafe"
)

func TestNames(t *testing.T) {
	for _, s := range []string{"ab", "curl", "team/app", "a1/b2/c3", "a.b_c__d-e---f/x", strings.Repeat("a", 256)} {
		if n, err := ParseName(s); err != nil || string(n) != s {
			t.Errorf("ParseName(%q) = %q, %v", s, n, err)
		}
	}
	for _, s := range []string{"", "a", "A", "aB", "/a", "a/", "a//b", "-a", "a-", "a..b", "a___b", "../etc", "a/../b", "a/./b", "a b", "a%2fb", "ä", "a\x00", "a\n", strings.Repeat("a", 257)} {
		if n, err := ParseName(s); err == nil {
			t.Errorf("ParseName(%q) = %q", s, n)
		}
	}
}

func TestTags(t *testing.T) {
	for _, s := range []string{"latest", "v1.0", "_", "A-b_c.d", strings.Repeat("a", 128)} {
		if _, err := ParseTag(s); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []string{"", ".a", "-a", "a/b", "a:b", "a b", "a\n", "..", strings.Repeat("a", 129)} {
		if _, err := ParseTag(s); err == nil {
			t.Errorf("ParseTag(%q) passed", s)
		}
	}
}

func TestDigests(t *testing.T) {
	for _, algorithm := range []string{SHA256, SHA512} {
		d := DigestOf(algorithm, []byte("content"))
		parsed, err := ParseDigest(string(d))
		if err != nil || parsed.Algorithm() != algorithm {
			t.Errorf("%s: %v", d, err)
		}
		h := d.NewHash()
		h.Write([]byte("content"))
		if !d.Matches(h) {
			t.Errorf("%s does not match its content", d)
		}
		h.Write([]byte("more"))
		if d.Matches(h) {
			t.Errorf("%s matches other content", d)
		}
	}
	good := string(DigestOf(SHA256, nil))
	for _, s := range []string{"", "sha256", "sha256:", good[:70], good + "0", strings.ToUpper(good), "md5:" + good[7:], "sha512:" + good[7:], "sha256:../" + good[10:], good[:len(good)-1] + "\n"} {
		if _, err := ParseDigest(s); err == nil {
			t.Errorf("ParseDigest(%q) passed", s)
		}
	}
}

// FuzzParseReference: what parses is a tag or a digest, never both, is written
// back the same, and cannot climb out of a directory.
func FuzzParseReference(f *testing.F) {
	f.Add("latest")
	f.Add("../..")
	f.Add(string(DigestOf(SHA256, nil)))
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseReference(s)
		if err != nil {
			return
		}
		if r.String() != s || (r.Tag == "") == (r.Digest == "") || strings.ContainsAny(s, "/\\\x00\n ") || s == ".." || s == "." {
			t.Errorf("%q parsed as %+v", s, r)
		}
	})
}

// TestValuesAreCopies: what is parsed may be kept for long, and must not keep
// the whole of a request in memory with it.
func TestValuesAreCopies(t *testing.T) {
	request := strings.Repeat("a", 64)
	digest := "sha256:" + request
	d, err := ParseDigest(digest)
	if err != nil || unsafe.StringData(string(d)) == unsafe.StringData(digest) {
		t.Errorf("digest: %v, or not a copy", err)
	}
	n, err := ParseName(request)
	if err != nil || unsafe.StringData(string(n)) == unsafe.StringData(request) {
		t.Errorf("name: %v, or not a copy", err)
	}
	tag, err := ParseTag(request)
	if err != nil || unsafe.StringData(string(tag)) == unsafe.StringData(request) {
		t.Errorf("tag: %v, or not a copy", err)
	}
}
