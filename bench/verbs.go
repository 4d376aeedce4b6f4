package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sealwright/sealwright/bench/internal/load"
	"github.com/sealwright/sealwright/bench/internal/process"
	"github.com/sealwright/sealwright/bench/internal/stat"
	"github.com/sealwright/sealwright/bench/internal/table"
)

const (
	verbsRepository = "bench/verbs"
	pluginName      = "com.amazonaws.signer.notation.plugin"
)

// verbs measures `sign` and `verify` as whole processes: what somebody at a
// shell, or a pipeline, waits for. Their limit is the start of the process.
type verbs struct {
	images   images
	profile  string // ARN
	notation *process.Command
	signed   string // reference of an image with one signature
}

func (e *verbs) prepare(ctx context.Context, b *bench) (err error) {
	if err := b.ours.createRepository(ctx, verbsRepository); err != nil {
		return err
	}
	if e.profile, _, err = b.ours.putProfile(ctx); err != nil {
		return err
	}
	login := b.ours.command("login", "--username", "AWS", "--password-stdin", b.ours.registry.host)
	login.Input = b.ours.password
	if _, _, err := login.Run(ctx); err != nil {
		return err
	}
	if _, _, err := b.ours.command("trust", "install", "--profile", e.profile).Run(ctx); err != nil {
		return err
	}
	if program := os.Getenv("NOTATION"); program != "" {
		if e.notation, err = prepareNotation(ctx, b, program); err != nil {
			return fmt.Errorf("$NOTATION: %w", err)
		}
	}
	return e.signOnce(ctx, b)
}

// signOnce makes the image that is verified and has exactly one signature.
func (e *verbs) signOnce(ctx context.Context, b *bench) error {
	references, err := e.push(ctx, b, 1)
	if err != nil {
		return err
	}
	e.signed = references[0]
	_, _, err = b.ours.command(e.sign(e.signed)...).Run(ctx)
	return err
}

// push pushes new images and returns their references by digest.
func (e *verbs) push(ctx context.Context, b *bench, count int) (references []string, err error) {
	c, err := load.Dial(ctx, b.ours.registry.address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	for range count {
		m, err := e.images.push(c, b.ours.registry, verbsRepository)
		if err != nil {
			return nil, err
		}
		references = append(references, b.ours.registry.host+"/"+verbsRepository+"@"+m.Digest)
	}
	return references, nil
}

func (e *verbs) sign(reference string) []string {
	return []string{"sign", "--plugin", pluginName, "--id", e.profile, reference}
}

func (e *verbs) round(ctx context.Context, b *bench, _ int) error {
	ours := b.ours.command()
	started, err := runEach(ctx, ours, repeated([]string{"version"}, b.verbs))
	if err != nil {
		return err
	}
	signed, verified, err := e.signAndVerify(ctx, b, ours)
	if err != nil {
		return err
	}
	addUsage(b, "sealwright sign", signed, "sealwright version", started)
	addUsage(b, "sealwright verify", verified, "sealwright version", started)
	if e.notation == nil {
		return nil
	}
	theirSigned, theirVerified, err := e.signAndVerify(ctx, b, *e.notation)
	if err != nil {
		return err
	}
	addUsage(b, "sealwright sign", signed, "notation sign", theirSigned)
	addUsage(b, "sealwright verify", verified, "notation verify", theirVerified)
	return nil
}

// signAndVerify runs both verbs of a program; each sign has an image of its own.
func (e *verbs) signAndVerify(ctx context.Context, b *bench, program process.Command) (signed, verified process.Usage, err error) {
	references, err := e.push(ctx, b, b.verbs)
	if err != nil {
		return signed, verified, err
	}
	var arguments [][]string
	for _, reference := range references {
		arguments = append(arguments, e.sign(reference))
	}
	if signed, err = runEach(ctx, program, arguments); err != nil {
		return signed, verified, err
	}
	verified, err = runEach(ctx, program, repeated([]string{"verify", e.signed}, b.verbs))
	return signed, verified, err
}

func repeated(arguments []string, count int) (all [][]string) {
	for range count {
		all = append(all, arguments)
	}
	return all
}

// runEach runs the program with each list of arguments and returns the medians.
func runEach(ctx context.Context, program process.Command, arguments [][]string) (process.Usage, error) {
	var wall, cpu stat.Series
	for _, program.Args = range arguments {
		_, usage, err := program.Run(ctx)
		if err != nil {
			return process.Usage{}, err
		}
		wall, cpu = append(wall, usage.Wall), append(cpu, usage.CPU)
	}
	return process.Usage{Wall: wall.Median(), CPU: cpu.Median()}, nil
}

func addUsage(b *bench, work string, ours process.Usage, beside string, limit process.Usage) {
	b.table.Add(table.Measurement{Work: work + ", whole process: wall", Unit: table.Seconds, Value: ours.Wall, Beside: beside, Limit: limit.Wall})
	b.table.Add(table.Measurement{Work: work + ", whole process: CPU", Unit: table.Seconds, Value: ours.CPU, Beside: beside, Limit: limit.CPU})
}

// prepareNotation gives a real notation what ours has: the login, the trust and
// the plugin, which is the one beside the program, or else ours.
func prepareNotation(ctx context.Context, b *bench, program string) (*process.Command, error) {
	program, err := filepath.Abs(program)
	if err != nil {
		return nil, err
	}
	plugin := filepath.Join(filepath.Dir(program), "notation-"+pluginName)
	if _, err := os.Stat(plugin); err != nil {
		plugin = b.ours.program
	}
	home := filepath.Join(b.ours.home, "config", "notation", "plugins", pluginName)
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	if err := copyProgram(plugin, filepath.Join(home, "notation-"+pluginName)); err != nil {
		return nil, err
	}
	c := b.ours.command()
	c.Program = program
	// AWS's plugin asks verification.localhost, which few machines resolve: the
	// service answers for it as a proxy. Go never uses a proxy for localhost itself.
	c.Env = append(c.Env, "NOTATION_USERNAME=AWS", "NOTATION_PASSWORD="+b.ours.password, "HTTP_PROXY=http://"+b.ours.registry.host)
	b.table.Note("notation: " + program + " with " + plugin)
	return &c, nil
}

func copyProgram(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o700)
}
