// Package format reads and writes the small file formats that Dokku's state is
// made of: ENV files, Procfiles, app.json and strings of docker arguments.
package format
