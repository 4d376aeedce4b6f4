package cli

import (
	"fmt"
	"io"
)

// node is a line of a tree, with the lines below it.
type node struct {
	text     string
	children []*node
}

// add puts a line below n. What is not printable in text, which anyone who may
// push a signature can choose, is blotted out.
func (n *node) add(text string) *node {
	child := &node{text: printable(text)}
	n.children = append(n.children, child)
	return child
}

// pair adds the line "key: value".
func (n *node) pair(key, value string) *node { return n.add(key + ": " + value) }

// print writes the tree as Notation draws it.
func (n *node) print(w io.Writer) error {
	if _, err := fmt.Fprintln(w, n.text); err != nil {
		return err
	}
	return n.printChildren(w, "")
}

func (n *node) printChildren(w io.Writer, indent string) error {
	for i, child := range n.children {
		branch, below := "├── ", "│   "
		if i == len(n.children)-1 {
			branch, below = "└── ", "    "
		}
		if _, err := fmt.Fprintln(w, indent+branch+child.text); err != nil {
			return err
		}
		if err := child.printChildren(w, indent+below); err != nil {
			return err
		}
	}
	return nil
}
