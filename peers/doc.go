// Package peers holds the program against registry clients that others wrote
// and that must not enter its go.mod: they bring more modules than it has.
//
// The tests build the program of this tree, serve with it on loopback with a
// data directory of their own, and drive it with those clients as their users
// would: plain HTTP, and a password of the user AWS. They need Go and nothing
// else; offline, once the modules are there.
package peers
