package arn

import "testing"

func TestRegistryHost(t *testing.T) {
	for host, want := range map[string]RegistryHost{
		"111122223333.dkr.ecr.us-east-1.amazonaws.com":        {"111122223333", "us-east-1", "amazonaws.com"},
		"111122223333.DKR.ECR.us-east-1.Registry.Example.com": {"111122223333", "us-east-1", "registry.example.com"},
		"111122223333.dkr.ecr.us-east-1.internal":             {"111122223333", "us-east-1", "internal"},
	} {
		if got, ok := ParseRegistryHost(host); !ok || got != want {
			t.Errorf("%s: %v, %v", host, got, ok)
		}
	}
	for _, host := range []string{
		"", "111122223333", "111122223333.dkr.ecr", "111122223333.dkr.ecr.us-east-1", "111122223333.dkr.ecr.us-east-1.", "11112222333.dkr.ecr.us-east-1.amazonaws.com",
		"a11122223333.dkr.ecr.us-east-1.amazonaws.com", "x.111122223333.dkr.ecr.us-east-1.amazonaws.com", "111122223333.dkr.ecr..amazonaws.com",
		"１１１１22223333.dkr.ecr.us-east-1.amazonaws.com", "111122223333.ecr.dkr.us-east-1.amazonaws.com", "111122223333-dkr.ecr.us-east-1.amazonaws.com",
	} {
		if got, ok := ParseRegistryHost(host); ok {
			t.Errorf("%q: %v", host, got)
		}
	}
}

func TestWithAccount(t *testing.T) {
	for host, want := range map[string]string{
		"111122223333.dkr.ecr.us-east-1.amazonaws.com":      "444455556666.dkr.ecr.us-east-1.amazonaws.com",
		"111122223333.dkr.ecr.us-east-1.amazonaws.com:5000": "444455556666.dkr.ecr.us-east-1.amazonaws.com:5000",
		"registry.example.com:5000":                         "registry.example.com:5000",
		"[::1]:5000":                                        "[::1]:5000",
	} {
		if got := WithAccount(host, "444455556666"); got != want {
			t.Errorf("%s: %s", host, got)
		}
	}
}
