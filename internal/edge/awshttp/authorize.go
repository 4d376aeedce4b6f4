package awshttp

import (
	"cmp"
	"context"
	"fmt"

	"github.com/sealwright/sealwright/internal/access"
	"github.com/sealwright/sealwright/internal/fault"
)

// Need is an action that a caller must be allowed to do, on an ARN or "*".
type Need struct {
	Action, Resource string
	Named            string // the resource as a denial names it; "" is as it is
}

// authorize asks whether the caller may do what the operation needs.
func (x *exchange) authorize(ctx context.Context, in any) (err error) {
	if x.op.Public || x.op.Permitted {
		return nil
	}
	if x.op.keys != nil {
		if x.call.Context.Keys, err = x.op.keys(ctx, &x.call, in); err != nil {
			return undecided{fmt.Errorf("awshttp: make the condition keys of %s: %w", x.op.Action, err)}
		}
	}
	resource, err := x.resource(ctx, in)
	if err != nil {
		return err
	}
	shown := x.op.resource(&x.call, in)
	x.resourceARN = named(shown)
	if err := x.permit(ctx, Need{x.op.Action, resource, shown}); err != nil || x.op.also == nil {
		return err
	}
	return x.permitAlso(ctx, in)
}

// permitAlso asks for what the operation needs beside its own action.
func (x *exchange) permitAlso(ctx context.Context, in any) error {
	needs, err := x.op.also(ctx, &x.call, in)
	if err != nil {
		return undecided{fmt.Errorf("awshttp: find what else %s needs: %w", x.op.Action, err)}
	}
	for _, need := range needs {
		if err := x.permit(ctx, need); err != nil {
			return err
		}
	}
	return nil
}

// resource is what the operation acts on.
func (x *exchange) resource(ctx context.Context, in any) (string, error) {
	if x.op.found == nil {
		return x.op.resource(&x.call, in), nil
	}
	resource, err := x.op.found(ctx, &x.call, in)
	if err != nil {
		return "", undecided{fmt.Errorf("awshttp: find the resource of %s: %w", x.op.Action, err)}
	}
	return resource, nil
}

// permit asks for a decision, and words a denial as AWS does. It names the
// resource as the caller may know it: what was looked up might tell that there is
// something, and where.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func (x *exchange) permit(ctx context.Context, need Need) error {
	r := access.Request{Principal: x.call.Principal, Action: need.Action, Resource: need.Resource, Context: x.call.Context}
	d, err := x.h.options.Authorizer.Authorize(ctx, r)
	if err != nil {
		return undecided{fmt.Errorf("awshttp: authorize %s: %w", need.Action, err)}
	}
	if !d.Allowed {
		x.denial = d.Reason
		r.Resource = cmp.Or(need.Named, need.Resource)
		return refuse(accessDenied, "%s", access.Denial(r, d))
	}
	return nil
}

// undecided is an error that kept us from finding out whether the caller may
// call. It is our own, whatever kind it has and whatever the service's table says
// of it: nobody may take it for a denial, and it tells nothing of what was looked
// for.
type undecided struct{ error }

func (u undecided) Unwrap() error { return u.error }

// fault is what the caller is told.
func (u undecided) fault() error {
	if fault.KindOf(u.error) == fault.Unavailable {
		return fault.Hide(fault.Unavailable, u.error, "Whether the request is allowed could not be found out just now. Try again.")
	}
	return fault.Hide(fault.Internal, u.error, "not decided")
}
