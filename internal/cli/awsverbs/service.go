package awsverbs

import (
	"context"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go/middleware"
)

// service is an AWS service: how to make its client, and its operations.
type service struct {
	name, doc  string
	connect    func(aws.Config) any // the SDK's client
	operations []operation
	member     func(of reflect.Type, goName string) string // the name in JSON of a struct's field
}

// operation is a row of a service's table.
type operation struct {
	name  string // as the API has it: PutSigningProfile
	verb  string // as the command line has it: put-signing-profile
	doc   string
	input reflect.Type // the Input struct
	call  func(ctx context.Context, client, input any) (output any, err error)
	print func(output any) (string, error) // nil: as --output says

	unsigned bool // needs no credentials
}

// op makes the row of a client's method.
func op[C, O, In, Out any](method func(*C, context.Context, *In, ...func(*O)) (*Out, error), doc string) operation {
	name := strings.TrimSuffix(reflect.TypeFor[In]().Name(), "Input")
	return operation{
		name:  name,
		verb:  kebab(name),
		doc:   doc,
		input: reflect.TypeFor[In](),
		call: func(ctx context.Context, client, input any) (any, error) {
			return method(client.(*C), ctx, input.(*In))
		},
	}
}

// as gives an operation another verb and another way to print its result.
func (o operation) as(verb, doc string, print func(output any) (string, error)) operation {
	o.verb, o.doc, o.print = verb, doc, print
	return o
}

// needingNothing marks an operation that needs no credentials.
func (o operation) needingNothing() operation {
	o.unsigned = true
	return o
}

// pageable is whether the operation returns its result in pages.
func (o operation) pageable() bool {
	_, token := o.input.FieldByName("NextToken")
	_, size := o.input.FieldByName("MaxResults")
	return token && size
}

// client adapts an SDK constructor to service.connect.
func client[C, O any](construct func(aws.Config, ...func(*O)) *C) func(aws.Config) any {
	return func(cfg aws.Config) any { return construct(cfg) }
}

// missing lists the required members that input lacks, as the SDK's validation
// names them ("PlatformId", "SigningMaterial.CertificateArn"). Nothing is sent:
// the call is stopped behind the validation.
func (s service) missing(op operation, input any) []string {
	cfg := aws.Config{APIOptions: []func(*middleware.Stack) error{
		func(stack *middleware.Stack) error { return stack.Initialize.Add(stop, middleware.After) },
	}}
	_, err := op.call(context.Background(), s.connect(cfg), input)
	return missingMembers(err)
}

var stop = middleware.InitializeMiddlewareFunc("Stop",
	func(context.Context, middleware.InitializeInput, middleware.InitializeHandler) (out middleware.InitializeOutput, m middleware.Metadata, err error) {
		return out, m, errStopped
	})

// kebab is an API name as the command line has it: ImageIds is image-ids, and
// OpenIDConnect open-id-connect.
func kebab(name string) string {
	capital := func(i int) bool { return i < len(name) && 'A' <= name[i] && name[i] <= 'Z' }
	var b strings.Builder
	for i := range len(name) {
		if i > 0 && capital(i) && (!capital(i-1) || i+1 < len(name) && !capital(i+1)) {
			b.WriteByte('-')
		}
		b.WriteByte(name[i])
	}
	return strings.ToLower(b.String())
}

// lowerFirst is the member name of a struct field in Signer and ECR.
func lowerFirst(goName string) string {
	if goName == "" {
		return ""
	}
	return strings.ToLower(goName[:1]) + goName[1:]
}

// upperFirst is the struct field of a member name.
func upperFirst(member string) string {
	if member == "" {
		return ""
	}
	return strings.ToUpper(member[:1]) + member[1:]
}

// unchanged is the member name of a struct's field in STS and IAM.
func unchanged(_ reflect.Type, goName string) string { return goName }

// lowered is the member name of a struct's field in Signer and ECR, but for ECR's
// tags of resources, which have theirs from elsewhere.
func lowered(of reflect.Type, goName string) string {
	if of == reflect.TypeFor[ecrtypes.Tag]() {
		return goName
	}
	return lowerFirst(goName)
}
