package daemon

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
)

// bridge is a network of a daemon's own.
type bridge struct{ name string }

// newBridge makes a bridge with the first number whose name and network nobody has.
func newBridge() (bridge, error) {
	for n := range 256 {
		b := bridge{fmt.Sprintf("graduate%d", n)}
		address := fmt.Sprintf("10.213.%d.1", n)
		if taken(net.ParseIP(address)) || exec.Command("ip", "link", "add", b.name, "type", "bridge").Run() != nil {
			continue // the kernel lets only one make a name
		}
		for _, words := range [][]string{
			{"address", "add", address + "/24", "dev", b.name},
			{"link", "set", b.name, "up"},
		} {
			if out, err := exec.Command("ip", words...).CombinedOutput(); err != nil {
				b.remove()
				return bridge{}, fmt.Errorf("no bridge of its own: %w: %s", err, out)
			}
		}
		return b, nil
	}
	return bridge{}, errors.New("no bridge can be made: ip link add … type bridge fails")
}

// taken tells whether a network of this machine has the address.
func taken(address net.IP) bool {
	known, _ := net.InterfaceAddrs()
	for _, k := range known {
		if network, ok := k.(*net.IPNet); ok && network.Contains(address) {
			return true
		}
	}
	return false
}

func (b bridge) remove() { _ = exec.Command("ip", "link", "delete", b.name).Run() }
