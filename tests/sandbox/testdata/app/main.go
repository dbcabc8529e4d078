// Command app is what the sandbox's tests deploy: a web process that tells its
// version, and a worker. The version decides which of the two is broken.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	version, _ := os.ReadFile("/app/VERSION")
	name := string(version)
	role := "web"
	if len(os.Args) > 1 {
		role = os.Args[1]
	}
	fmt.Printf("start cmd=%s version=%s dyno=%s\n", role, name, os.Getenv("DYNO"))
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	switch {
	case role == "exit":
		code, _ := strconv.Atoi(os.Args[2])
		os.Exit(code)
	case role == "env":
		fmt.Println(os.Getenv(os.Args[2]))
		return
	case role == "worker" && name == "badworker":
		time.Sleep(300 * time.Millisecond) // long enough to be seen running
		os.Exit(1)
	case role == "web":
		serve(name)
	}
	<-end
}

// serve answers requests in the background.
func serve(version string) {
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if version == "badweb" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, "version=%s dyno=%s\n", version, os.Getenv("DYNO"))
	})
	go func() { log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), nil)) }()
}
