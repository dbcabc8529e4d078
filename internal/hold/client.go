package hold

import (
	"encoding/json"
	"fmt"
	"net"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Arrive tells the coordinator at socket that a candidate of a run is ready and blocks until it may go on or
// has to turn back. Gone means that the coordinator ended without an answer: the journal has to tell. Who goes on
// calls pass right before its exit: until then the coordinator notices when it is killed.
func Arrive(socket, run string, c graduate.Candidate) (action Action, reason string, pass func()) {
	conn, v := ask(socket, arrival{Version: protocolVersion, Run: run, Candidate: c})
	action, reason = v.Action, v.Reason
	if action != Gone && (v.Version != protocolVersion || action != GoOn && action != TurnBack) {
		action, reason = TurnBack, otherProtocol(v)
	}
	if action != GoOn {
		hangUp(conn)
		return action, reason, func() {}
	}
	return action, reason, func() {
		_ = json.NewEncoder(conn).Encode(passed{true}) // a coordinator that has ended meanwhile has answered
		hangUp(conn)
	}
}

// Abort asks the coordinator at socket to turn a run back, in the name of a person. TurnBack means that it does;
// GoOn that it is past its release point; Gone that there is no word of it, whose reason may be a coordinator of another
// version of this plugin (plugin:update in the midst of a run): such a one only knows that it was asked by its own.
func Abort(socket, run, by string) (Action, string) {
	conn, v := ask(socket, arrival{Version: protocolVersion, Run: run, Abort: by})
	hangUp(conn)
	if v.Action != Gone && (v.Version != protocolVersion || v.Action == "") {
		return Gone, otherProtocol(v) + "; Ctrl-C where it runs, or SIGTERM to its process, turns it back"
	}
	return v.Action, v.Reason
}

// ask sends one request and waits for its answer; the connection stays open, where there is one.
func ask(socket string, request arrival) (net.Conn, verdict) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, verdict{Action: Gone, Reason: fmt.Sprintf("the coordinator cannot be reached: %v", err)}
	}
	if err := json.NewEncoder(conn).Encode(request); err != nil {
		return conn, verdict{Action: Gone, Reason: err.Error()}
	}
	var v verdict
	if err := json.NewDecoder(conn).Decode(&v); err != nil {
		return conn, verdict{Action: Gone, Reason: "the coordinator ended"}
	}
	if v.Action == Gone { // nobody sends it
		v.Action = ""
	}
	return conn, v
}

func otherProtocol(v verdict) string {
	return fmt.Sprintf("the coordinator speaks another protocol (version %d)", v.Version)
}

func hangUp(conn net.Conn) {
	if conn != nil {
		_ = conn.Close()
	}
}
