package awshttp

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/sealwright/sealwright/internal/edge/awshttp/sigv4"
	"github.com/sealwright/sealwright/internal/fault"
)

// condition is why the handler itself refuses a request, whatever the service.
type condition uint8

const (
	missingAuthentication condition = iota
	incompleteSignature
	unknownKey
	badSignature
	expiredToken
	accessDenied
	unknownOperation
	malformedInput
	tooLarge
)

// refusal is a condition with words for the person who sent the request.
type refusal struct {
	why     condition
	message string
}

func (r *refusal) Error() string { return r.message }

func refuse(why condition, format string, args ...any) *refusal {
	return &refusal{why, fmt.Sprintf(format, args...)}
}

// reason returns the condition that err stands for, if it is one.
func reason(err error) (why condition, refused bool) {
	var own *refusal
	var bad *sigv4.Error
	switch {
	case errors.As(err, &own):
		return own.why, true
	case errors.As(err, &bad):
		return signatureConditions[bad.Reason], true
	}
	return 0, false
}

var signatureConditions = [...]condition{
	sigv4.Malformed:  malformedInput,
	sigv4.Missing:    missingAuthentication,
	sigv4.Incomplete: incompleteSignature,
	sigv4.Mismatch:   badSignature,
}

// wire is an error's name and HTTP status in one protocol.
type wire struct {
	code   string
	status int
}

// conditions names the conditions in each protocol. JSON 1.1 services answer
// 400 to whatever is the caller's fault.
//
// Sources: the "Common errors" page of each service's API reference, such as
// https://docs.aws.amazon.com/signer/latest/api/CommonErrors.html, and what
// services of each protocol were seen to answer.
var conditions = map[Protocol][tooLarge + 1]wire{
	RESTJSON: {
		missingAuthentication: {"MissingAuthenticationTokenException", http.StatusForbidden},
		incompleteSignature:   {"IncompleteSignatureException", http.StatusForbidden},
		unknownKey:            {"UnrecognizedClientException", http.StatusForbidden},
		badSignature:          {"InvalidSignatureException", http.StatusForbidden},
		expiredToken:          {"ExpiredTokenException", http.StatusForbidden},
		accessDenied:          {"AccessDeniedException", http.StatusForbidden},
		unknownOperation:      {"UnknownOperationException", http.StatusNotFound},
		malformedInput:        {"SerializationException", http.StatusBadRequest},
		tooLarge:              {"RequestEntityTooLargeException", http.StatusRequestEntityTooLarge},
	},
	JSON11: {
		missingAuthentication: {"MissingAuthenticationTokenException", http.StatusBadRequest},
		incompleteSignature:   {"IncompleteSignatureException", http.StatusBadRequest},
		unknownKey:            {"UnrecognizedClientException", http.StatusBadRequest},
		badSignature:          {"InvalidSignatureException", http.StatusBadRequest},
		expiredToken:          {"ExpiredTokenException", http.StatusBadRequest},
		accessDenied:          {"AccessDeniedException", http.StatusBadRequest},
		unknownOperation:      {"UnknownOperationException", http.StatusBadRequest},
		malformedInput:        {"SerializationException", http.StatusBadRequest},
		tooLarge:              {"RequestEntityTooLargeException", http.StatusRequestEntityTooLarge},
	},
	Query: {
		missingAuthentication: {"MissingAuthenticationToken", http.StatusForbidden},
		incompleteSignature:   {"IncompleteSignature", http.StatusBadRequest},
		unknownKey:            {"InvalidClientTokenId", http.StatusForbidden},
		badSignature:          {"SignatureDoesNotMatch", http.StatusForbidden},
		expiredToken:          {"ExpiredToken", http.StatusForbidden},
		accessDenied:          {"AccessDenied", http.StatusForbidden},
		unknownOperation:      {"InvalidAction", http.StatusBadRequest},
		malformedInput:        {"MalformedInput", http.StatusBadRequest},
		tooLarge:              {"RequestEntityTooLarge", http.StatusRequestEntityTooLarge},
	},
}

// kinds names what a service's Translate leaves open.
var kinds = map[Protocol][fault.Unavailable + 1]wire{
	RESTJSON: {
		fault.Internal:    {"InternalServiceErrorException", http.StatusInternalServerError},
		fault.Invalid:     {"ValidationException", http.StatusBadRequest},
		fault.NotFound:    {"ResourceNotFoundException", http.StatusNotFound},
		fault.Conflict:    {"ConflictException", http.StatusConflict},
		fault.Denied:      {"AccessDeniedException", http.StatusForbidden},
		fault.Limit:       {"ServiceLimitExceededException", http.StatusPaymentRequired},
		fault.Throttled:   {"TooManyRequestsException", http.StatusTooManyRequests},
		fault.Unavailable: {"ServiceUnavailableException", http.StatusServiceUnavailable},
	},
	JSON11: {
		fault.Internal:    {"ServerException", http.StatusInternalServerError},
		fault.Invalid:     {"InvalidParameterException", http.StatusBadRequest},
		fault.NotFound:    {"ResourceNotFoundException", http.StatusBadRequest},
		fault.Conflict:    {"ConflictException", http.StatusBadRequest},
		fault.Denied:      {"AccessDeniedException", http.StatusBadRequest},
		fault.Limit:       {"LimitExceededException", http.StatusBadRequest},
		fault.Throttled:   {"ThrottlingException", http.StatusBadRequest},
		fault.Unavailable: {"ServiceUnavailableException", http.StatusServiceUnavailable},
	},
	Query: {
		fault.Internal:    {"InternalFailure", http.StatusInternalServerError},
		fault.Invalid:     {"ValidationError", http.StatusBadRequest},
		fault.NotFound:    {"NoSuchEntity", http.StatusNotFound},
		fault.Conflict:    {"EntityAlreadyExists", http.StatusConflict},
		fault.Denied:      {"AccessDenied", http.StatusForbidden},
		fault.Limit:       {"LimitExceeded", http.StatusConflict},
		fault.Throttled:   {"Throttling", http.StatusBadRequest},
		fault.Unavailable: {"ServiceUnavailable", http.StatusServiceUnavailable},
	},
}

// asError says what err is in the service's protocol. An internal error's text
// is never in it.
func (s *Service) asError(err error) Error {
	if why, refused := reason(err); refused {
		w := conditions[s.Protocol][why]
		return Error{Code: w.code, Status: w.status, Message: err.Error()}
	}
	var e Error
	var unknown undecided
	switch {
	case errors.As(err, &unknown):
		return s.complete(Error{}, unknown.fault())
	case errors.As(err, &e):
		return s.complete(e, fault.Errorf(fault.Invalid, "%s", e.Message))
	case s.Translate == nil:
		return s.complete(Error{}, err)
	}
	return s.complete(s.Translate(err), err)
}

// complete fills in what is missing from e by the kind of err.
func (s *Service) complete(e Error, err error) Error {
	kind := fault.KindOf(err)
	w := kinds[s.Protocol][kind]
	if kind == fault.Invalid && s.Validation != "" {
		w.code = s.Validation
	}
	if e.Code == "" {
		e.Code = w.code
	}
	if e.Status == 0 {
		e.Status = w.status
	}
	if e.Message == "" {
		e.Message = messageOf(err)
	}
	return e
}

func messageOf(err error) string {
	if m, ok := fault.Message(err); ok {
		return m
	}
	return "The request failed because of an error inside the service. Its log has the details under this request's id."
}
