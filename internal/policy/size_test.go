package policy_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/sealwright/sealwright/internal/policy"
)

// TestSize compares what a policy says of its size to what the heap grows by.
func TestSize(t *testing.T) {
	list := func(value string, n int) string { return strings.TrimSuffix(strings.Repeat(`"`+value+`",`, n), ",") }
	statement := func(actions, resources, condition string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":[` + actions + `],"Resource":[` + resources + `],"Condition":{` + condition + `}}}`
	}
	for name, document := range map[string]string{
		"ordinary":   statement(`"ecr:BatchGetImage","ecr:Put*"`, list("arn:aws:ecr:us-east-1:111122223333:repository/app/*", 3), `"StringEquals":{"aws:RequestedRegion":"us-east-1"}`),
		"actions":    statement(list("a:b", 900), `"*"`, ``),
		"resources":  statement(`"*"`, list("arn:aws:a::*", 400), ``),
		"characters": statement(`"*"`, `"arn:aws:a:::`+strings.Repeat("?a", 2000)+`"`, ``),
		"variables":  statement(`"*"`, `"arn:aws:a:::`+strings.Repeat("${a:b}", 900)+`"`, ``),
		"values":     statement(`"*"`, `"*"`, `"StringLike":{"a:b":[`+list("*", 900)+`]},"ArnLike":{"a:b":[`+list("arn:aws:a:::*", 200)+`]},"Bool":{"a:b":["true"]}`),
	} {
		t.Run(name, func(t *testing.T) {
			all := make([]*policy.Policy, 200)
			before := heap()
			for i := range all {
				p, err := policy.ParseIdentity(document)
				if err != nil {
					t.Fatal(err)
				}
				all[i] = p
			}
			took := (heap() - before) / int64(len(all))
			if size := all[0].Size(); size < took/2 || size > took*2 {
				t.Errorf("says %d, takes %d", size, took)
			}
			runtime.KeepAlive(all)
		})
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools held survives the first
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
