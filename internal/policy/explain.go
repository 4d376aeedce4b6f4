package policy

// Explain returns why a decision denies, in AWS's words: what follows "on
// resource: R ". An outsider of the resource's account is never told what is
// attached to it.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func (d Decision) Explain(action string) string {
	return "because no identity-based policy allows the " + action + " action"
}
