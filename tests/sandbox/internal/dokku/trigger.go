package dokku

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	depthVariable = "SANDBOX_DEPTH"
	traceVariable = "SANDBOX_TRACE"
)

// trigger runs a hook of every enabled plugin, in the order of their names, and
// stops at the first that fails. This is plugn's rule and the only one.
func (p *Proc) trigger(hook string, args ...string) error {
	inside := p.clone()
	inside.depth++
	inside.Env[depthVariable] = strconv.Itoa(inside.depth)
	end := inside.trace(hook, args)
	err := inside.runHooks(hook, args)
	end(err)
	return err
}

func (p *Proc) runHooks(hook string, args []string) error {
	enabled := p.Env["PLUGIN_PATH"] + "/enabled"
	entries, err := os.ReadDir(enabled) // sorted by name, as a shell's glob in the C locale
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		file := filepath.Join(enabled, entry.Name(), hook)
		info, err := os.Stat(file)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if info.Mode()&0o111 == 0 {
			_, _ = fmt.Fprintf(p.Err, "Trigger '%s' is not executable, skipping plugin (%s)\n", hook, entry.Name())
			continue
		}
		if err := p.runFile(file, entry.Name(), hook, args); err != nil {
			return err
		}
	}
	return nil
}

// runFile runs one hook: the function behind a link to the sandbox's own
// binary, any other file as the program that it is.
func (p *Proc) runFile(file, name, hook string, args []string) error {
	if function := p.coreHook(file, name, hook); function != nil {
		return p.report(function(p.clone(), args))
	}
	return p.run(file, args...)
}

// coreHook is the function behind a file, if the file is one of the core's.
func (p *Proc) coreHook(file, name, hook string) Hook {
	target, err := filepath.EvalSymlinks(file)
	if err != nil || target != p.Layout.Binary() {
		return nil
	}
	return p.core.plugins[name].hooks[hook]
}

// ask calls a trigger that answers by printing, with empty input, and returns
// the answers of all plugins together.
func (p *Proc) ask(hook string, args ...string) string {
	answer, _ := p.askErr(hook, args...)
	return answer
}

func (p *Proc) askErr(hook string, args ...string) (string, error) {
	var out bytes.Buffer
	child := p.clone()
	child.In, child.Out = nil, &out
	err := child.trigger(hook, args...)
	return strings.TrimRight(out.String(), "\n"), err
}

// trace writes the call to the file that $SANDBOX_TRACE names, and its failure
// once it has ended.
func (p *Proc) trace(hook string, args []string) func(error) {
	file := p.Env[traceVariable]
	if file == "" {
		return func(error) {}
	}
	id := fmt.Sprintf("%d.%d", os.Getpid(), nextCall())
	quoted := make([]string, len(args))
	for i, arg := range args {
		text, _ := json.Marshal(arg)
		quoted[i] = string(text)
	}
	writeLine(file, fmt.Sprintf("call\t%s\t%d\t%s\t%s", id, p.depth, hook, strings.Join(quoted, " ")))
	return func(err error) {
		if err != nil {
			writeLine(file, "fail\t"+id)
		}
	}
}

// writeLine appends a line in one write, so that lines of several processes do
// not mix.
func writeLine(file, line string) {
	out, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	_, _ = out.WriteString(line + "\n")
	_ = out.Close()
}
