package awsverbs

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// Every operation's flags can be made and given: no Input has a member that the
// mechanism does not know.
func TestEveryFlagTakesAValue(t *testing.T) {
	values := map[string]string{
		"string": "x", "integer": "3", "bool": "true", "timestamp": "0", "blob": "aGk=",
		"map": "a=b", "structure": "{}", "list": "[]",
	}
	for _, s := range services() {
		for _, op := range s.operations {
			args := newArguments(op.input, pflag.NewFlagSet("", pflag.ContinueOnError))
			for _, arg := range args.list {
				flag := args.flags.Lookup(arg.name)
				if err := flag.Value.Set(values[flag.Value.Type()]); err != nil {
					t.Fatal(err)
				}
			}
			input, err := args.build(nil, base64Blobs)
			if err != nil {
				t.Errorf("%s: %v", op.verb, err)
				continue
			}
			for _, arg := range args.list {
				if reflect.ValueOf(input).Elem().FieldByIndex(arg.field.Index).IsZero() {
					t.Errorf("%s: --%s sets nothing", op.verb, arg.name)
				}
			}
			if missing := s.missing(op, input); slices.ContainsFunc(missing, func(m string) bool { return !strings.Contains(m, ".") }) {
				t.Errorf("%s: %v is missing though all was given", op.verb, missing)
			}
		}
	}
}

// FuzzArguments gives any text to any flag: it becomes an Input or an error.
func FuzzArguments(f *testing.F) {
	var all []*arguments
	for _, s := range services() {
		for _, op := range s.operations {
			all = append(all, newArguments(op.input, pflag.NewFlagSet("", pflag.ContinueOnError)))
		}
	}
	for i, text := range []string{"value=3,type=MONTHS", `{"value":3e9}`, `[{"imageTag":"v1"},null,[]]`, "Key=a,Value=b", "signingConfiguration={hashAlgorithm=SHA256}", "=", "1e308", `{"":1}`} {
		f.Add(byte(i), byte(i), text, i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, operation, flag byte, value string, raw bool) {
		if strings.HasPrefix(value, "file") {
			return // it would read files of this machine
		}
		args := all[int(operation)%len(all)]
		if len(args.list) == 0 {
			return
		}
		arg := args.list[int(flag)%len(args.list)]
		args.given = []text{{arg, value, 0}}
		blobs := base64Blobs
		if raw {
			blobs = rawBlobs
		}
		input, err := args.build(nil, blobs)
		if (input == nil) == (err == nil) {
			t.Errorf("input %v and error %v", input, err)
		}
	})
}

// FuzzPlace reads any starting token; what is read is written the same way.
func FuzzPlace(f *testing.F) {
	for _, token := range []string{"", "eyJuZXh0VG9rZW4iOiJ0MiJ9", "eyJuZXh0VG9rZW4iOiBudWxsLCAiYm90b190cnVuY2F0ZV9hbW91bnQiOiAxfQ==", "e30="} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		p, err := parsePlace(token)
		if err != nil {
			return
		}
		again, err := parsePlace(p.String())
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Errorf("%q is %+v, written as %s it is %+v, error %v", token, p, p, again, err)
		}
	})
}

func TestParseTime(t *testing.T) {
	for in, want := range map[string]string{
		"1700000000":                  "2023-11-14T22:13:20Z",
		"1700000000.25":               "2023-11-14T22:13:20.25Z",
		"2026-01-31T09:30:00Z":        "2026-01-31T09:30:00Z",
		"2026-01-31T09:30:00.5+02:00": "2026-01-31T07:30:00.5Z",
		"2026-01-31T09:30:00+0200":    "2026-01-31T07:30:00Z",
		"2026-01-31T09:30:00":         "2026-01-31T09:30:00Z",
		"2026-01-31":                  "2026-01-31T00:00:00Z",
		"20260131T093000Z":            "2026-01-31T09:30:00Z",
		"1e300":                       "",
		"NaN":                         "",
		"tomorrow":                    "",
		"2026-02-30":                  "",
	} {
		got, err := parseTime(in)
		if text := got.Format("2006-01-02T15:04:05.999999999Z07:00"); (want == "") != (err != nil) || want != "" && text != want {
			t.Errorf("%s: got %s, error %v, want %s", in, text, err, want)
		}
	}
}
