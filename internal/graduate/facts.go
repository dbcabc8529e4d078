package graduate

import "time"

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
	// Around is what belongs to the app rather than to its version. Only a survey fills it in.
	Around Surroundings
}

// Surroundings is what an app has around its version: what graduate:plan compares between environments.
type Surroundings struct {
	// Own are the config keys that the app itself has; the others of Facts.Config are the server's (config:set --global).
	Own map[string]bool
	// Domains in their order; Vhosts tells that the app uses them (domains:enable).
	Domains []string
	Vhosts  bool
	// TLS tells that the app has a certificate.
	TLS bool
	// Ports are the port maps, as ports:report prints them ("http:80:5000").
	Ports []string
	// Resources by process type (_default_ for all): "limit memory" => "512m", "reserve cpu" => "1".
	Resources map[string]map[string]string
	// DockerOptions by phase (build, deploy, run), mounts and links of services left out.
	DockerOptions map[string][]string
	// Mounts are the storage mounts "HOST:CONTAINER", Services the linked services "postgres shop-db".
	Mounts   []string
	Services []string
	// Networks are "attach-post-create NAME", "initial-network NAME" and the like.
	Networks []string
	// ChecksSkipped lists the process types whose checks are skipped; ChecksWait is the app's own checks settings in words.
	ChecksSkipped string
	ChecksWait    map[string]string
	// CustomNginx tells that the app's nginx file has a shape that the switch does not know (a template of its own).
	CustomNginx bool
	// NoRoom says why requests of the app cannot be sent to a waiting room; empty where they can. ProxyTimeout is how long
	// the proxy lets a request wait.
	NoRoom       string
	ProxyTimeout time.Duration
	// Version is what the app's image says of itself.
	Version ImageFacts
	// Procfile maps a process type to its command; AppJSON is the file as it is stored, nil where there is none.
	Procfile map[string]string
	AppJSON  []byte
	// Memory is what the app's containers of each process type use now, in bytes, one container each.
	Memory map[string]int64
	// SourceTag is the image's name with which it was deployed (git:from-image), such as "shop/portal:latest".
	SourceTag string
}

// ImageFacts is what there is to say of an image.
type ImageFacts struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	// Size in bytes, all layers together.
	Size int64 `json:"bytes"`
	// Layers are the content digests of its layers with their sizes in bytes, the lowest first.
	Layers []Layer `json:"-"`
}

// Layer is one layer of an image. Size is 0 where it is not known.
type Layer struct {
	ID   string
	Size int64
}

// Server is what a plan has to know of the machine.
type Server struct {
	// MemoryFree and DiskFree are bytes that new containers and images can have; -1 where it cannot be told.
	MemoryFree int64
	DiskFree   int64
	// Running is the graduation of the group that is under way; empty where there is none.
	Running string
	// Hosts are the host hooks' scripts that cannot be run, with why.
	Hosts map[string]string
	// Page says why the group's maintenance page cannot be shown; empty where it can, or there is none.
	Page string
}

// Range is what lies between two commits.
type Range struct {
	Commits []Commit
	// Count counts all of them, also those beyond the limit.
	Count int
	// Backwards tells that from is the newer one, Unrelated that neither is an ancestor of the other; Known that the
	// repository has both.
	Backwards, Unrelated, Known bool
}
