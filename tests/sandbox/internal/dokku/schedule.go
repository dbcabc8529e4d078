package dokku

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/dokku-graduate/dokku-graduate/tests/sandbox/internal/format"
)

// deployment is one run of scheduler-deploy.
type deployment struct {
	app, image, tag string
	process         string // empty: all of them
	wait            string // seconds until old containers are stopped
}

// schedulerDeploy starts the containers of an image: web first and alone, then
// the other process types. The old containers go when all new ones are there.
func schedulerDeploy(p *Proc, args []string) error {
	if arg(args, 0) != dockerLocal {
		return nil
	}
	d := deployment{app: arg(args, 1), tag: arg(args, 2), process: arg(args, 3)}
	_ = os.Remove(p.Layout.Data("scheduler-docker-local", d.app, "failed-containers"))
	var err error
	if d.image, err = p.deployingImage(d.app, d.tag); err != nil {
		return err
	}
	old := p.oldContainers(d)
	d.wait = p.waitToRetire(d.app)
	if err := p.deployProcesses(d); err != nil {
		return err
	}
	p.info1("Running post-deploy")
	for _, hook := range []string{"core-post-deploy", "post-deploy"} {
		if err := p.trigger(hook, d.app, "", "", d.tag); err != nil {
			return err
		}
	}
	return p.shutDown(d, old)
}

// oldContainers are those that the app has now, in the order of their names.
func (p *Proc) oldContainers(d deployment) []string {
	ids := p.stateFiles(d.app, d.process)
	var list []string
	for _, dyno := range format.SortedKeys(ids) {
		list = append(list, ids[dyno])
	}
	return list
}

func (p *Proc) deployProcesses(d deployment) error {
	_, hasProcfile := p.processes(d.app)
	var others []processScale
	for _, process := range p.scale(d.app) {
		if d.process != "" && process.name != d.process {
			continue
		}
		if hasProcfile && p.procfileCommand(d.app, process.name, "5000") == "" {
			p.warn("Skipping %s as it is missing from the current Procfile", process.name)
			continue
		}
		if process.name != "web" {
			others = append(others, process)
			continue
		}
		if err := p.deployProcess(d, process); err != nil {
			return err
		}
	}
	limit, _ := strconv.Atoi(p.propComputed("scheduler-docker-local", d.app, "parallel-schedule-count", "1"))
	return parallel(limit, len(others), func(i int) error { return p.deployProcess(d, others[i]) })
}

// parallel runs jobs with at most limit of them at a time. After a failure no
// further job is started; those that run are waited for.
func parallel(limit, count int, job func(i int) error) error {
	limit = max(limit, 1)
	slots := make(chan struct{}, limit)
	var mu sync.Mutex
	var failures []error
	var group sync.WaitGroup
	failed := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(failures) > 0
	}
	for i := range count {
		slots <- struct{}{}
		if failed() {
			break
		}
		group.Add(1)
		go func() {
			defer group.Done()
			if err := job(i); err != nil {
				mu.Lock()
				failures = append(failures, err)
				mu.Unlock()
			}
			<-slots
		}()
	}
	group.Wait()
	return errors.Join(failures...)
}

// deployProcess starts the containers of one process type, then lets those go
// that the type has too many.
func (p *Proc) deployProcess(d deployment, process processScale) error {
	p.info1("Deploying %s (count=%d)", process.name, process.quantity)
	disabled := p.checksOff("disabled", d.app, process.name)
	if disabled {
		if err := p.stopFirst(d, process.name); err != nil {
			return err
		}
	}
	options := p.ask("docker-args-deploy", d.app, d.tag, process.name) + " " +
		p.ask("docker-args-process-deploy", d.app, "dockerfile", d.tag, process.name)
	p.warnAboutPorts(options, process, disabled)
	limit, err := strconv.Atoi(p.ask("app-json-process-deploy-parallelism", d.app, process.name))
	if err != nil {
		// GNU parallel says this of a number that it cannot read, such as one
		// that two plugins have answered together.
		return p.fail("parallel: Error: Parsing of --jobs/-j/--max-procs/-P failed.")
	}
	err = parallel(limit, process.quantity, func(i int) error {
		c := newContainer{deployment: d, process: process.name, index: i + 1, unchecked: disabled}
		return p.deployContainer(c)
	})
	if err != nil {
		return Exit{1}
	}
	if err := p.trigger("scheduler-post-deploy-process", d.app, process.name); err != nil {
		return err
	}
	return p.retireOrphans(d, process)
}

// stopFirst is for process types without zero downtime: the old containers stop
// before the new ones start.
func (p *Proc) stopFirst(d deployment, process string) error {
	p.verbose("Zero downtime is disabled, stopping currently running containers  (%s)", process)
	ids := p.stateFiles(d.app, process)
	for _, dyno := range format.SortedKeys(ids) {
		state, err := p.inspect(ids[dyno])
		if err != nil && !errors.Is(err, errNoContainer) {
			return err
		}
		if err != nil || !state.State.Running {
			continue
		}
		p.verbose("Stopping %s (%s)", ids[dyno], process)
		if err := p.trigger("scheduler-register-retired", d.app, ids[dyno], d.wait); err != nil {
			return err
		}
		p.stopContainer(d.app, ids[dyno])
	}
	return nil
}

func (p *Proc) warnAboutPorts(options string, process processScale, disabled bool) {
	list, _ := format.SplitWords(options)
	published := false
	for _, option := range list {
		name, _, _ := strings.Cut(option, "=")
		published = published || contains([]string{"-p", "-P", "--publish", "--publish-all"}, name)
	}
	switch {
	case !published:
	case process.quantity > 1:
		p.warn("Deploys may fail when publishing ports and scaling to multiple containers. Consider scaling process type %s to 1.", process.name)
	case !disabled:
		p.warn("Deploys may fail when publishing ports and enabling zero downtime. Consider disabling zero downtime for process type %s.", process.name)
	}
}

// retireOrphans schedules the containers for retirement that are beyond the
// count of their process type, and forgets them.
func (p *Proc) retireOrphans(d deployment, process processScale) error {
	ids := p.stateFiles(d.app, process.name)
	dynos := format.SortedKeys(ids)
	number := func(dyno string) int {
		value, _ := strconv.Atoi(strings.TrimPrefix(dyno, process.name+"."))
		return value
	}
	sort.Slice(dynos, func(i, j int) bool { return number(dynos[i]) < number(dynos[j]) })
	for position, dyno := range dynos {
		if position < process.quantity {
			continue
		}
		p.verbose("Scheduling orphaned container shutdown in %s seconds (%s)", d.wait, dyno)
		if err := p.trigger("scheduler-register-retired", d.app, ids[dyno], d.wait); err != nil {
			return err
		}
		p.removeState(d.app, dyno)
	}
	return nil
}

// shutDown tells the old containers to end and leaves a process behind that
// stops those which have not ended when their time is up.
func (p *Proc) shutDown(d deployment, old []string) error {
	if len(old) == 0 {
		return nil
	}
	for _, id := range old {
		_, _ = p.docker("container", "kill", "--signal=SIGTERM", id) // it may have ended by itself
	}
	p.info1("Shutting down old containers in %s seconds", d.wait)
	stop := psProperty(p, d.app, "stop-timeout-seconds")
	return p.background(append([]string{"retire-later", d.wait, stop, d.app}, old...)...)
}

// startFile is where the id of a dyno's container is kept.
func (p *Proc) containerFile(app, process string, index int) string {
	return filepath.Join(p.Layout.App(app), fmt.Sprintf("CONTAINER.%s.%d", process, index))
}
