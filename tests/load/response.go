package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// responsesFile is the name of the list of answers in the output folder.
const responsesFile = "responses.tsv"

// columns names the fields of a line, in order.
const columns = "done_ns\tsent_ns\ttarget\tstatus\tversion\terror"

// response is one answer, or the lack of one.
type response struct {
	done, sent time.Time
	target     string
	status     int    // 0 where there was no answer
	version    string // the X-Version header; "-" where it is missing
	err        string // the transport's error
}

// failed tells whether a user would have noticed: no answer, or an error as the answer.
func (r response) failed() bool { return r.err != "" || r.status >= 400 || r.status == 0 }

// String is the response as a line of the file.
func (r response) String() string {
	clean := strings.NewReplacer("\t", " ", "\n", " ")
	return fmt.Sprintf("%d\t%d\t%s\t%d\t%s\t%s", r.done.UnixNano(), r.sent.UnixNano(), r.target, r.status,
		clean.Replace(r.version), clean.Replace(r.err))
}

// parseResponse reads a line of the file.
func parseResponse(line string) (response, error) {
	fields := strings.Split(line, "\t")
	if len(fields) != strings.Count(columns, "\t")+1 {
		return response{}, fmt.Errorf("%d fields in %q", len(fields), line)
	}
	done, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return response{}, err
	}
	sent, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return response{}, err
	}
	status, err := strconv.Atoi(fields[3])
	if err != nil {
		return response{}, err
	}
	return response{done: time.Unix(0, done), sent: time.Unix(0, sent), target: fields[2],
		status: status, version: fields[4], err: fields[5]}, nil
}

// readResponses reads a folder's list. A last line without its end (load still runs, or was killed)
// is left out.
func readResponses(dir string) ([]response, error) {
	file, err := os.Open(filepath.Join(dir, responsesFile))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var all []response
	reader := bufio.NewReader(file)
	for {
		line, err := reader.ReadString('\n')
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		line = strings.TrimSuffix(line, "\n")
		if line == columns {
			continue
		}
		r, err := parseResponse(line)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
}
