package hold

import (
	"encoding/json"
	"fmt"
	"net"

	"github.com/dokku-graduate/dokku-graduate/internal/graduate"
)

// Arrive tells the coordinator at socket that a candidate of a run is ready and blocks until it may go on or
// has to turn back. Gone means that the coordinator ended without an answer: the journal has to tell.
func Arrive(socket, run string, c graduate.Candidate) (Action, string) {
	return ask(socket, arrival{Version: protocolVersion, Run: run, Candidate: c})
}

// Abort asks the coordinator at socket to turn a run back, in the name of a person. TurnBack means that it does;
// GoOn that it is past its release point.
func Abort(socket, run, by string) (Action, string) {
	return ask(socket, arrival{Version: protocolVersion, Run: run, Abort: by})
}

// ask sends one request and waits for its answer.
func ask(socket string, request arrival) (Action, string) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return Gone, fmt.Sprintf("the coordinator cannot be reached: %v", err)
	}
	defer conn.Close()
	if err := json.NewEncoder(conn).Encode(request); err != nil {
		return Gone, err.Error()
	}
	var v verdict
	if err := json.NewDecoder(conn).Decode(&v); err != nil {
		return Gone, "the coordinator ended"
	}
	if v.Version != protocolVersion || (v.Action != GoOn && v.Action != TurnBack) {
		return TurnBack, fmt.Sprintf("the coordinator speaks another protocol (version %d)", v.Version)
	}
	return v.Action, v.Reason
}
