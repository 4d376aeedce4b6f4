package signerplugin

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/notaryproject/notation-plugin-framework-go/plugin"
)

// codes are the contract's words for the service's errors. Amazon's plugin has
// no word for TooManyRequestsException, which is what the service really
// answers when it is asked too often.
var codes = map[string]plugin.ErrorCode{
	"NotFoundException":         plugin.ErrorCodeValidation,
	"ResourceNotFoundException": plugin.ErrorCodeValidation,
	"ValidationException":       plugin.ErrorCodeValidation,
	"BadRequestException":       plugin.ErrorCodeValidation,
	"ThrottlingException":       plugin.ErrorCodeThrottled,
	"TooManyRequestsException":  plugin.ErrorCodeThrottled,
	"AccessDeniedException":     plugin.ErrorCodeAccessDenied,
}

// serviceError puts the failure of a call into the contract's form.
func serviceError(err error) *plugin.Error {
	code := plugin.ErrorCodeGeneric
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		if known, ok := codes[api.ErrorCode()]; ok {
			code = known
		}
	case errors.Is(err, context.DeadlineExceeded):
		code = plugin.ErrorCodeTimeout
	}
	return plugin.NewError(code, explain(err))
}

// explain says in one line why a call failed: the service's own words, whole,
// with the request's ID; or why there was no answer.
func explain(err error) string {
	var ours *plugin.Error
	if errors.As(err, &ours) {
		return ours.Message
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return fmt.Sprintf("%s: %s%s", api.ErrorCode(), api.ErrorMessage(), requestID(err))
	}
	var unsent *url.Error
	if errors.As(err, &unsent) {
		return fmt.Sprintf("the Signer API did not answer: %v", unsent)
	}
	var operation *smithy.OperationError
	if errors.As(err, &operation) {
		return fmt.Sprintf("%s: %v", operation.OperationName, operation.Err)
	}
	return err.Error()
}

// requestID is the suffix that names a failed request, if the service did.
func requestID(err error) string {
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.ServiceRequestID() != "" {
		return fmt.Sprintf(" (RequestID: %s)", response.ServiceRequestID())
	}
	return ""
}
