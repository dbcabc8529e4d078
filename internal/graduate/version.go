package graduate

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
)

// Origin is where an app's version came from, as the platform tells it and as a later rebuild needs it.
type Origin struct {
	// SourceImage is the image that was given to the platform; empty where the version was built from a commit.
	SourceImage string `json:"source_image,omitempty"`
	// DeploySource and DeployMetadata name the kind of the deploy and its source: docker-image and an image's name,
	// git-push and a commit.
	DeploySource   string `json:"deploy_source,omitempty"`
	DeployMetadata string `json:"deploy_metadata,omitempty"`
	// Ports are the ports that its build detected.
	Ports string `json:"ports,omitempty"`
}

// Version is all that a rollback has to know of what ran in an app.
type Version struct {
	// Image is the ID of the image, Revision the commit.
	Image    string `json:"image"`
	Revision string `json:"revision,omitempty"`
	Origin   Origin `json:"origin,omitzero"`
	// Scale is how many containers each process type had.
	Scale []Process `json:"scale,omitempty"`
	// Config has a digest of each config value by its key (Digest): a rollback does not bring values back, and says
	// which differ. It is no part of a record that is shown: who sees a digest can try values.
	Config map[string]string `json:"-"`
}

// Kept names a version that was kept for a rollback: which app had it, and the graduation that kept it.
type Kept struct {
	App string `json:"app,omitempty"`
	Run string `json:"run,omitempty"`
	// Before tells the version that the graduation replaced from the one that it brought.
	Before bool `json:"before,omitempty"`
}

// Name is the kept version's name among those of its app: a tag and the last part of a ref.
func (k Kept) Name() string {
	if k.Before {
		return k.Run + "-before"
	}
	return k.Run
}

// Digest is what a run's record has of a config value: with the run's id as its salt, so that two records do not tell
// which of their values are alike.
func Digest(run, key, value string) string {
	sum := sha256.Sum256([]byte(run + "\x00" + key + "\x00" + value))
	return hex.EncodeToString(sum[:])
}

// Digests is the digest of each value.
func Digests(run string, config map[string]string) map[string]string {
	out := make(map[string]string, len(config))
	for key, value := range config {
		out[key] = Digest(run, key, value)
	}
	return out
}

// Differing lists the keys whose values differ from those of which a run has digests, the ignored ones apart.
func Differing(run string, digests, config map[string]string, ignored ...string) []string {
	keys := maps.Clone(digests)
	if keys == nil {
		keys = map[string]string{}
	}
	for key := range config {
		keys[key] = ""
	}
	var out []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		value, is := config[key]
		digest, was := digests[key]
		if (is != was || is && Digest(run, key, value) != digest) && !slices.Contains(ignored, key) {
			out = append(out, key)
		}
	}
	return out
}
