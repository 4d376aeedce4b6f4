package awshttp

import (
	"context"
	"reflect"

	"github.com/sealwright/sealwright/internal/access"
)

// Operation is one row of a service's table: name, access action, resource,
// handler. Make one with [Op].
type Operation struct {
	Name   string // as in the model, such as "SignPayload"
	Action string // the access action, such as "signer:SignPayload"
	Method string // REST-JSON: the HTTP method
	Path   string // REST-JSON: the path, such as "/signing-profiles/{profileName}"
	Public bool   // needs no signature and no permission
	// Permitted means that whoever signs may call the operation, whatever policies
	// say.
	Permitted bool

	MaxBody    int64 // bounds a request's body in bytes; 0 means what the service says
	readOnly   bool  // changes nothing
	data       bool  // reads what is read very often
	notOffered bool  // reads no input: the path's labels go unread

	in, out  reflect.Type
	resource func(c *Call, in any) string
	handle   func(ctx context.Context, c *Call, in any) (any, error)

	found   func(ctx context.Context, c *Call, in any) (string, error) // instead of resource
	also    func(ctx context.Context, c *Call, in any) ([]Need, error)
	keys    func(ctx context.Context, c *Call, in any) ([]access.Key, error)
	readers []reflect.Type // the inputs that also and keys read
}

// Op makes a row. resource says which ARN the access decision is about, or "*"
// for none; it runs after validation. In and Out are plain structs whose every
// exported field carries one of these tags:
//
//   - json:"name": a member of the body, in all three protocols (",omitempty"
//     leaves an empty one out of the answer; a nil list or map without it is
//     answered empty, never null)
//   - path:"name" and query:"name": the REST-JSON locations; a []string query
//     member repeats its key
//
// Fields are strings, booleans, integers, []byte (base64), [Time],
// structs, slices of these, maps from string to these, and pointers to these. The
// members of an embedded struct are those of the struct it stands in; its type may
// be unexported.
//
// Constraints are checked before resource and handle, each tag a
// comma-separated list:
//
//   - validate:"…" on the value, each:"…" on the elements of a list or the
//     values of a map, key:"…" on the keys of a map
//   - required: must not be null. A zero value that is neither a pointer, a list
//     nor a map counts as null; use a pointer where "" or 0 must be told apart
//   - min=N, max=N: characters of a string, bytes of a []byte, items of a list or
//     map, or the value of a number
//   - enum=A|B|C
//   - pattern=…: a Go regular expression the whole value must match; it comes
//     last, since it may hold commas
//
// A null value is checked for required only.
func Op[In, Out any](name, action string, resource func(c *Call, in *In) string,
	handle func(ctx context.Context, c *Call, in *In) (*Out, error)) Operation {
	return Operation{
		Name:     name,
		Action:   action,
		readOnly: readOnly(name),
		in:       reflect.TypeFor[In](),
		out:      reflect.TypeFor[Out](),
		resource: func(c *Call, in any) string { return resource(c, in.(*In)) },
		handle: func(ctx context.Context, c *Call, in any) (any, error) {
			return handle(ctx, c, in.(*In))
		},
	}
}

// NotOffered makes a row for an operation that the service's model lists and
// this program does not perform: a signed and permitted request gets
// UnknownOperationException with advice, a sentence that says what to do
// instead.
func NotOffered(name, action, advice string) Operation {
	o := Op(name, action, AnyResource[struct{}], func(context.Context, *Call, *struct{}) (*struct{}, error) {
		return nil, refuse(unknownOperation, "%s is not offered by this service. %s", name, advice)
	})
	o.notOffered = true
	return o
}

// AnyResource is the resource of an operation that acts on none: "*".
func AnyResource[In any](*Call, *In) string { return "*" }

// At places an operation in REST-JSON, such as
// At("PUT", "/signing-profiles/{profileName}"). Each {label} is a path member of
// the input and stands for one whole segment.
func (o Operation) At(method, path string) Operation {
	o.Method, o.Path = method, path
	return o
}

// WithBody makes an operation whose requests may have a body of this many bytes,
// whatever the service says.
func (o Operation) WithBody(limit int64) Operation {
	o.MaxBody = limit
	return o
}

// AsPublic makes an operation that needs no signature and no permission.
func (o Operation) AsPublic() Operation {
	o.Public = true
	return o
}

// AsPermitted makes an operation that needs a signature and no permission.
func (o Operation) AsPermitted() Operation {
	o.Permitted = true
	return o
}

// Finding makes an operation look up the ARN it acts on, where the input alone
// does not say it, such as a user's with its path. The decision is about that one;
// a denial names the row's own resource, which is made from the input alone, so it
// tells nothing of what was found. What does not exist must get the ARN that its
// absence gives nothing away by; an error is one that kept us from deciding.
func Finding[In any](o Operation, resource func(ctx context.Context, c *Call, in *In) (string, error)) Operation {
	o.found = func(ctx context.Context, c *Call, in any) (string, error) { return resource(ctx, c, in.(*In)) }
	o.readers = append(o.readers, reflect.TypeFor[In]())
	return o
}

// Also makes an operation need more than its action on its resource: the same
// action on other resources, or other actions, such as "ecr:TagResource" where
// tags are given. All of it must be allowed; needs runs after validation.
func Also[In any](o Operation, needs func(c *Call, in *In) []Need) Operation {
	return AlsoFinding(o, func(_ context.Context, c *Call, in *In) ([]Need, error) { return needs(c, in), nil })
}

// AlsoFinding is Also for needs that must be looked up. An error is one that kept
// us from deciding.
func AlsoFinding[In any](o Operation, needs func(ctx context.Context, c *Call, in *In) ([]Need, error)) Operation {
	o.also = func(ctx context.Context, c *Call, in any) ([]Need, error) { return needs(ctx, c, in.(*In)) }
	o.readers = append(o.readers, reflect.TypeFor[In]())
	return o
}

// WithKeys gives conditions the service's own keys, such as
// signer:ProfileVersion. keys runs after validation and before the decision, so a
// key for something that does not exist is absent, and an error is one that kept
// us from deciding. The handler finds the keys in [Call.Context].
func WithKeys[In any](o Operation, keys func(ctx context.Context, c *Call, in *In) ([]access.Key, error)) Operation {
	o.keys = func(ctx context.Context, c *Call, in any) ([]access.Key, error) { return keys(ctx, c, in.(*In)) }
	o.readers = append(o.readers, reflect.TypeFor[In]())
	return o
}
