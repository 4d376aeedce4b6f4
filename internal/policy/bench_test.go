package policy_test

import (
	"fmt"
	"testing"

	"github.com/sealwright/sealwright/internal/policy"
)

// realistic is a user's policies: 20 statements, conditions and a boundary
// among them.
func realistic(t testing.TB) *policy.Grants {
	d := &documents{boundary: []string{whole(`{"Effect":"Allow","Action":["ecr:*","signer:*","sts:*"],"Resource":"*"}`)}}
	for i := range 6 {
		d.identity = append(d.identity, whole(fmt.Sprintf(`{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","ecr:DescribeRegistry"],"Resource":"*"},
			{"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:PutImage","ecr:*Layer*"],"Resource":"arn:aws:ecr:us-east-1:111122223333:repository/team-%d/*"},
			{"Effect":"Deny","Action":"ecr:Delete*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalTag/team":"t%d"}}}`, i, i)))
	}
	d.identity = append(d.identity, whole(`{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`))
	return d.grants(t)
}

// BenchmarkDecide is a decision by 20 statements.
func BenchmarkDecide(b *testing.B) {
	g := realistic(b)
	for _, c := range []struct{ name, action, resource, want string }{
		{"allow", "ecr:PutImage", "team-5/app", "allow identity"},
		{"deny", "signer:SignPayload", "team-5/app", "deny no-identity"},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := question("alice", c.action, c.resource, keys{"aws:securetransport": {"true"}, "aws:principaltag/team": {"t1"}})
			if got := say(policy.Decide(r, g)); got != c.want {
				b.Fatalf("%s, want %s", got, c.want)
			}
			b.ReportAllocs()
			for b.Loop() {
				policy.Decide(r, g)
			}
		})
	}
}

// BenchmarkParse is a document of 20 statements, about 4,000 bytes.
func BenchmarkParse(b *testing.B) {
	statement := `{"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:PutImage"],"Resource":"` + prefix + `team/*","Condition":{"StringLike":{"aws:PrincipalTag/team":"t*"}}}`
	text := statement
	for range 19 {
		text += "," + statement
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := policy.ParseIdentity(whole(text)); err != nil {
			b.Fatal(err)
		}
	}
}

func TestDecideAllocatesNothing(t *testing.T) {
	g := realistic(t)
	r := question("alice", "ecr:PutImage", "team-5/app", keys{"aws:securetransport": {"true"}, "aws:principaltag/team": {"t1"}})
	if n := testing.AllocsPerRun(100, func() { policy.Decide(r, g) }); n > 0 {
		t.Errorf("a decision allocates %v times", n)
	}
}
