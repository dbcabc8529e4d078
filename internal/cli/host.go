package cli

import (
	"github.com/dokku-graduate/dokku-graduate/internal/config"
	"github.com/dokku-graduate/dokku-graduate/internal/dokku"
	"github.com/dokku-graduate/dokku-graduate/internal/plan"
	"github.com/dokku-graduate/dokku-graduate/internal/proxy"
)

var _ plan.Surveyor = (*dokku.Host)(nil)

// openHost is this machine's Dokku, with what only other packages know of apps and hooks.
func openHost() *dokku.Host {
	host := dokku.FromEnv()
	host.NginxShape = proxy.Shape
	host.NginxRoom = proxy.RoomShape
	host.HookScript = func(name string) error {
		_, err := config.CheckHostHook(name)
		return err
	}
	host.Page = func(name string) error {
		_, err := config.MaintenancePage(name)
		return err
	}
	return host
}
