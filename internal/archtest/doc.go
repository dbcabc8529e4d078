// Package archtest checks what the compiler does not: which package may import which, how long files and
// functions get, that exported names are explained, and that docs and links name every command and trigger.
package archtest
