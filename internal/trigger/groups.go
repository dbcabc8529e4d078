package trigger

import (
	"context"

	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
	"github.com/dokku-graduate/dokku-graduate/internal/ui"
)

// These triggers run in the middle of apps:rename, apps:clone and apps:destroy. A failure here would leave
// such a command half done, so they warn, name the command that helps, and exit with 0.

// PostAppRename gives the place of the old app to the new one (post-app-rename-setup OLD NEW and
// post-app-rename OLD NEW). apps:rename destroys the old app between the two, which empties its place
// (PostDelete), so it is the first that does it; the second finds it done.
func PostAppRename(args []string) int {
	return max(renamed(ui.System(), config.OpenStore(), args), keptFollow(ui.System(), args))
}

// keptFollow gives what is kept of an app for a rollback to the one that it became.
func keptFollow(s ui.Streams, args []string) int {
	if len(args) < 2 || graduate.ValidName(args[0]) != nil || graduate.ValidName(args[1]) != nil {
		return 0
	}
	if err := dokku.FromEnv().RenameKept(context.Background(), args[0], args[1]); err != nil {
		s.Warn("what was kept of %s for a rollback could not be given to %s: %v", args[0], args[1], err)
	}
	return 0
}

func renamed(s ui.Streams, store *config.Store, args []string) int {
	if len(args) < 2 {
		return 0
	}
	from, to := args[0], args[1]
	place, found, err := store.RenameApp(from, to)
	switch {
	case err != nil && found:
		s.Warn("%s is %s, and %s could not take its place; check it with: dokku graduate:report %s", from, place, to, place.Group)
		s.Fail(err)
	case err != nil:
		warnDamaged(s, from, err)
	case found:
		s.Step("Group %s: %s is now %s", place.Group, roleIn(place), to)
	}
	return 0
}

// PostAppClone says that a clone belongs to no group (post-app-clone OLD NEW).
func PostAppClone(args []string) int { return cloned(ui.System(), config.OpenStore(), args) }

func cloned(s ui.Streams, store *config.Store, args []string) int {
	if len(args) < 2 {
		return 0
	}
	if place, found, _ := store.PlaceOf(args[0]); found {
		s.Step("Group %s: %s stays %s; its clone %s belongs to no group", place.Group, roleIn(place), args[0], args[1])
	}
	return 0
}

// PostDelete empties the place of a destroyed app (post-delete APP TAG).
func PostDelete(args []string) int {
	return max(deleted(ui.System(), config.OpenStore(), args), keptEnd(ui.System(), args))
}

// keptEnd removes what is kept of a destroyed app.
func keptEnd(s ui.Streams, args []string) int {
	if len(args) < 1 || graduate.ValidName(args[0]) != nil {
		return 0
	}
	if err := dokku.FromEnv().ForgetApp(context.Background(), args[0]); err != nil {
		s.Warn("what was kept of %s for a rollback could not be removed: %v", args[0], err)
	}
	return 0
}

func deleted(s ui.Streams, store *config.Store, args []string) int {
	if len(args) < 1 {
		return 0
	}
	app := args[0]
	place, found, err := store.RemoveApp(app)
	switch {
	case err != nil && found:
		s.Warn("%s was %s and could not be taken out of the group; check it with: dokku graduate:report %s", app, place, place.Group)
		s.Fail(err)
	case err != nil:
		warnDamaged(s, app, err)
	case found:
		s.Warn("Group %s: %s has no app any more; to fill the place: dokku graduate:add %s %s %s=<app>", place.Group, roleIn(place), place.Group, place.Role, place.Environment)
	}
	return 0
}

// Report adds the app's place to `dokku report APP` (report APP); nothing for an app of no group.
func Report(args []string) int { return reported(ui.System(), config.OpenStore(), args) }

func reported(s ui.Streams, store *config.Store, args []string) int {
	if len(args) < 1 {
		return 0
	}
	place, found, err := store.PlaceOf(args[0])
	if err != nil {
		s.Fail(err)
	}
	if found {
		s.Report(args[0], []ui.Field{
			{Key: "group", Value: place.Group}, {Key: "role", Value: place.Role}, {Key: "environment", Value: place.Environment},
		})
	}
	return 0
}

// warnDamaged says that a group could not be read, so that the app may have a place in it.
func warnDamaged(s ui.Streams, app string, err error) {
	s.Warn("%s may be in a group that cannot be read", app)
	s.Fail(err)
}

// roleIn is a place without its group: "portal in prod".
func roleIn(p graduate.Place) string { return p.Role + " in " + p.Environment }
