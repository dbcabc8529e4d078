package graduate

// Facts is what a plan has to know of an app.
type Facts struct {
	App    string
	Exists bool
	// Deployed tells that the app has been deployed: it has an image and containers.
	Deployed bool
	// Image is the ID of the image that the app's next start would use.
	Image string
	// Artifact is the image that Image was carried over from, where a graduation made it.
	Artifact string
	// Running are the IDs of the images that the containers run.
	Running []string
	// Missing tells that a container of the app's files is not running.
	Missing bool
	// Revision is the commit of the deploy branch.
	Revision string
	// Origin is where the version came from, Scale how many containers of each process type are wanted.
	Origin Origin
	Scale  []Process
	// Config is the configuration, and RevisionKey its key that names the commit. Values stay in memory.
	Config      map[string]string
	RevisionKey string
	// Drift tells that the configuration has changed since the containers were made.
	Drift bool

	// Scheduler and Proxy are the names of what runs and serves the app.
	Scheduler    string
	Proxy        string
	ProxyEnabled bool
	// ChecksDisabled lists the process types that are deployed without a check; _all_ means all of them.
	ChecksDisabled string
	// Published tells that a docker option publishes a port: two generations cannot both have it.
	Published bool
	// Deploying tells that a process deploys the app just now: it can be waited for.
	Deploying bool
	// Locked tells that a person locked the app: only a person ends that.
	Locked bool
	// Stopped tells that a person stopped the app (ps:stop).
	Stopped bool
}
