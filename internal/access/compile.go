package access

import (
	"github.com/sealwright/sealwright/internal/policy"
	"github.com/sealwright/sealwright/internal/recall"
)

// language is a kind of policies: where they are kept.
type language uint8

const (
	ofIdentity language = iota // users, groups and roles, managed policies, sessions
	ofResource                 // resources
	ofTrust                    // trust policies
)

// parsers read policies as they are kept.
var parsers = [...]func(document string) (*policy.Policy, error){
	ofIdentity: policy.ParseIdentity,
	ofResource: byID(policy.ParseResource),
	ofTrust:    byID(policy.ParseTrust),
}

func byID(parse func(string) (*policy.Policy, error)) func(string) (*policy.Policy, error) {
	return func(document string) (*policy.Policy, error) {
		p, err := parse(document)
		if err != nil {
			return nil, err
		}
		return p.ByID(), nil
	}
}

// documents are compiled policies by their texts, which say all that is in them:
// they outlive revisions, are shared by all that have the text, and are there when
// those of an identity are too many to be remembered together.
type documents = recall.Memory[documentKey, *policy.Policy]

type documentKey struct {
	language language
	text     string
}

// compile compiles a document, or takes it from memory. One that does not parse any
// more stays without a Policy, so that it denies.
func compile(memory *documents, d Document, l language) policy.Attached {
	key := documentKey{l, d.Text}
	compiled, ok := memory.Get(key, 0)
	if !ok {
		var err error
		if compiled, err = parsers[l](d.Text); err != nil {
			compiled = nil
		}
		memory.Put(key, 0, compiled, int64(len(d.Text))+compiled.Size())
	}
	return policy.Attached{Policy: compiled, Name: d.Name}
}

func compileAll(memory *documents, list []Document, l language) []policy.Attached {
	all := make([]policy.Attached, len(list))
	for i, d := range list {
		all[i] = compile(memory, d, l)
	}
	return all
}

// weight is what compiled documents take in memory, in bytes.
func weight(all []policy.Attached) (n int64) {
	for _, a := range all {
		n += 64 + int64(len(a.Name)) + a.Policy.Size()
	}
	return n
}
