package ecrapi_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/sealwright/sealwright/internal/arn"
	"github.com/sealwright/sealwright/internal/edge/ecrapi"
	"github.com/sealwright/sealwright/internal/fault"
	"github.com/sealwright/sealwright/internal/ociref"
	"github.com/sealwright/sealwright/internal/registry"
)

// offered are the operations that do something.
var offered = map[string]bool{
	"CreateRepository": true, "DescribeRepositories": true, "DeleteRepository": true, "ListImages": true, "DescribeImages": true,
	"PutImage": true, "InitiateLayerUpload": true, "UploadLayerPart": true, "CompleteLayerUpload": true, "BatchCheckLayerAvailability": true, "GetDownloadUrlForLayer": true,
	"SetRepositoryPolicy": true, "GetRepositoryPolicy": true, "DeleteRepositoryPolicy": true, "PutRegistryPolicy": true, "GetRegistryPolicy": true, "DeleteRegistryPolicy": true,
	"BatchGetImage": true, "BatchDeleteImage": true, "ListImageReferrers": true, "TagResource": true, "UntagResource": true, "ListTagsForResource": true, "GetAuthorizationToken": true,
}

// modelled are the operations of the service's model: the client's methods.
func modelled() (names []string) {
	client := reflect.TypeFor[*ecr.Client]()
	for i := range client.NumMethod() {
		if m := client.Method(i); m.Name != "Options" && m.Type.NumOut() == 2 {
			names = append(names, m.Name)
		}
	}
	return names
}

// Every operation of the model has a row with an access action, and no other
// operation has.
func TestEveryOperationHasARow(t *testing.T) {
	rows := map[string]string{}
	for _, o := range ecrapi.Service(ecrapi.Options{}).Operations {
		if _, twice := rows[o.Name]; twice {
			t.Errorf("%s has two rows", o.Name)
		}
		if rows[o.Name] = o.Action; !strings.HasPrefix(o.Action, "ecr:") || o.Public {
			t.Errorf("%s has action %q, public %t", o.Name, o.Action, o.Public)
		}
	}
	names := modelled()
	if len(names) < 58 || len(rows) != len(names) { // 58 when the table was made; models only grow
		t.Errorf("the model has %d operations, the table %d", len(names), len(rows))
	}
	for _, name := range names {
		if rows[name] == "" {
			t.Errorf("%s has no row", name)
		}
	}
}

// An operation that is not offered says so to whoever may call it, and what to
// do instead; an unsigned call learns nothing.
func TestEveryOperationAnswers(t *testing.T) {
	w := newWorld(t)
	for _, name := range modelled() {
		status, answer := w.call(name, `{}`)
		declined := status == http.StatusBadRequest && strings.Contains(answer, "UnknownOperationException") &&
			strings.Contains(answer, name+" is not offered by this service. ")
		if declined == offered[name] || status == http.StatusInternalServerError {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	w.key.Secret = "wrong"
	if _, answer := w.call("PutLifecyclePolicy", `{}`); !strings.Contains(answer, "InvalidSignatureException") {
		t.Errorf("with a wrong key: %s", answer)
	}
}

// A body that is no input of the operation changes nothing and is refused by
// name.
func TestMalformedInput(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{``, `[]`, `{`, `null`, `{"repositoryName":7}`, `{"repositoryName":{}}`, `{"repositoryName":"\ud800"}`, `{} {}`} {
		status, answer := w.call("CreateRepository", body)
		if status != http.StatusBadRequest || !strings.Contains(answer, "Exception") || !strings.Contains(answer, `"message":"`) {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
	if status, answer := w.call("CreateRepository", `{"repositoryName":"`+strings.Repeat("a", 2<<20)+`"}`); status != http.StatusRequestEntityTooLarge {
		t.Errorf("2 MiB: %d %s", status, answer)
	}
	list, err := w.registry.Repositories(w.ctx, account, "", 1)
	w.must(err)
	same(w, len(list), 0)
}

// call sends a signed request as it is.
func (w *world) call(operation, body string) (status int, answer string) {
	w.Helper()
	r, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.url+"/", bytes.NewReader([]byte(body)))
	w.must(err)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AmazonEC2ContainerRegistry_V20150921."+operation)
	hash := sha256.Sum256([]byte(body))
	c := aws.Credentials{AccessKeyID: w.key.AccessKeyID, SecretAccessKey: w.key.Secret}
	w.must(v4.NewSigner().SignHTTP(w.ctx, c, r, hex.EncodeToString(hash[:]), "ecr", region, time.Now()))
	response, err := http.DefaultClient.Do(r)
	w.must(err)
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	w.must(err)
	return response.StatusCode, string(all)
}

// away is a store that cannot be reached.
type away struct{ registry.RepositoryStore }

func (away) Repositories(context.Context, arn.AccountID, ociref.Name, int) ([]registry.Repository, error) {
	return nil, fault.Hide(fault.Unavailable, errors.New("a secret of the database"), "try again later")
}

// TestStoreThatIsAway: what is nobody's fault but the service's is ECR's one
// modelled error for that.
func TestStoreThatIsAway(t *testing.T) {
	w := newWorld(t)
	w.options.Repositories = away{w.options.Repositories}
	var err error
	w.registry, err = registry.New(w.options)
	w.must(err)
	w.serve()
	_, err = w.client.DescribeRepositories(w.ctx, &ecr.DescribeRepositoriesInput{})
	if message := wantError[*types.ServerException](w, err, "try again later"); strings.Contains(message, "secret") {
		t.Errorf("the message tells too much: %s", message)
	}
}
