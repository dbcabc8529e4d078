package hook

import "bytes"

// lineWriter hands on what is written to it line by line.
type lineWriter struct {
	rest []byte
	show func(line string)
}

// Write shows the lines that are whole.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, whole := bytes.Cut(w.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		w.show(string(bytes.TrimRight(line, "\r")))
		w.rest = rest
	}
}

// flush shows a last line without an end.
func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		w.show(string(w.rest))
		w.rest = nil
	}
}
