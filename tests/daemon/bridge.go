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
			{"ip", "address", "add", address + "/24", "dev", b.name},
			{"ip", "link", "set", b.name, "up"},
			b.rule("--insert"),
		} {
			if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
				b.remove()
				return bridge{}, fmt.Errorf("no bridge of its own: %s: %w: %s", words[0], err, out)
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

// rule inserts or deletes what lets the bridge's containers talk to each other: the machine's Docker drops what is forwarded.
func (b bridge) rule(verb string) []string {
	return []string{"iptables", "--wait", verb, "FORWARD", "--in-interface", b.name, "--out-interface", b.name, "--jump", "ACCEPT"}
}

func (b bridge) remove() {
	words := b.rule("--delete")
	_ = exec.Command(words[0], words[1:]...).Run()
	_ = exec.Command("ip", "link", "delete", b.name).Run()
}
