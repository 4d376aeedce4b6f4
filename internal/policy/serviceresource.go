package policy

// ParseResourceOf is [ParseResource] for resources of one service, such as
// "ecr": the document may name that service's actions only, and all of them.
func ParseResourceOf(service, document string) (*Policy, error) {
	return parse(document, grammar{principal: required, resource: optional, notPrincipal: true, freeSid: true, service: service})
}
