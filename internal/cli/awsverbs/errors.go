package awsverbs

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// errStopped is what a call returns that validation has passed, see
// service.missing.
var errStopped = errors.New("stopped behind the validation")

// callError is a failed call in the aws program's words, with the SDK's error
// behind it.
type callError struct {
	text  string
	cause error
}

// Error returns the aws program's words.
func (e *callError) Error() string { return e.text }

// Unwrap returns the SDK's error.
func (e *callError) Unwrap() error { return e.cause }

// Explain puts an error of the SDK, from a call of the named operation, in the aws
// program's words.
func Explain(name string, err error) error { return operation{name: name}.explain(err) }

// explain puts an error of the SDK in the aws program's words.
func (o operation) explain(err error) error {
	if err == nil {
		return nil
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return &callError{fmt.Sprintf("An error occurred (%s) when calling the %s operation: %s", api.ErrorCode(), o.name, api.ErrorMessage()), err}
	}
	var connection *url.Error
	if errors.As(err, &connection) {
		return &callError{fmt.Sprintf("Could not connect to the endpoint URL: \"%s\": %v", connection.URL, connection.Err), err}
	}
	var call *smithy.OperationError
	if errors.As(err, &call) {
		return &callError{fmt.Sprintf("An error occurred when calling the %s operation: %v", o.name, call.Err), err}
	}
	return err
}

// missingMembers reads the required members that are missing out of an error of
// the SDK's validation: paths of struct fields below the Input.
func missingMembers(err error) []string {
	var invalid smithy.InvalidParamsError
	if !errors.As(err, &invalid) {
		return nil
	}
	var members []string
	for _, e := range invalid.Errs() {
		var param smithy.InvalidParamError
		if errors.As(e, &param) {
			_, member, _ := strings.Cut(param.Field(), ".") // behind "PutSigningProfileInput."
			members = append(members, member)
		}
	}
	return members
}

// flagError puts an error of the flag parser in the aws program's words.
func flagError(_ *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		return unknownOptions(dashed(unknown.GetSpecifiedName(), unknown.GetSpecifiedShortnames()))
	}
	var bare *pflag.ValueRequiredError
	if errors.As(err, &bare) {
		return fmt.Errorf("argument --%s: expected one argument", bare.GetFlag().Name)
	}
	return err
}

func dashed(name, short string) string {
	if short != "" {
		return "-" + short
	}
	return "--" + name
}

func unknownOptions(options ...string) error {
	return fmt.Errorf("Unknown options: %s", strings.Join(options, ", "))
}
