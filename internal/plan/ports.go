package plan

import (
	"context"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Surveyor tells all that a plan is made from. It only reads.
type Surveyor interface {
	// Survey reads the facts of several apps, their surroundings included, side by side; each thing is read once.
	// Only a platform that does not answer is an error.
	Survey(ctx context.Context, apps []string) (map[string]graduate.Facts, error)
	// Server reads what there is to know of the machine and of the group's host hooks.
	Server(ctx context.Context, g *graduate.Group) (graduate.Server, error)
	// Commits compares two commits in the repository of an app: those that to has and from lacks, the newest first.
	Commits(ctx context.Context, app, from, to string, limit int) (Range, error)
	// HasCommand tells whether an image has the program that a command begins with; known is false where that
	// cannot be told (an entry point that runs it otherwise, a Procfile's name).
	HasCommand(ctx context.Context, image string, command []string) (has, known bool)
	// Secret is the server's own key for digests: whoever sees a digest cannot try values without it.
	Secret() ([]byte, error)
}

// Range is what lies between two commits. It is the domain's: adapters do not know this package.
type Range = graduate.Range
