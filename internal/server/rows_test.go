package server

import (
	"slices"
	"testing"
)

// TestRowsWithoutAuthorization: these operations and no others are answered
// without a decision on who may call them.
func TestRowsWithoutAuthorization(t *testing.T) {
	var public, permitted []string
	for _, service := range (&Server{}).awsServices() {
		for _, o := range service.Operations {
			if o.Public {
				public = append(public, service.SigningName+":"+o.Name)
			}
			if o.Permitted {
				permitted = append(permitted, service.SigningName+":"+o.Name)
			}
		}
	}
	if want := []string{"sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"}; !slices.Equal(public, want) {
		t.Errorf("unsigned are %q, want %q", public, want)
	}
	if want := []string{"sts:GetCallerIdentity", "sts:AssumeRole", "sts:GetSessionToken"}; !slices.Equal(permitted, want) {
		t.Errorf("signed and not authorized are %q, want %q", permitted, want)
	}
}
