// Package dokku is a small Dokku for tests: the commands, triggers, files and
// messages of Dokku 0.38 that plugins build on, with real containers, a real
// nginx and real git repositories, all below one folder.
//
// In Dokku every trigger of every plugin is a program. Here each core trigger is
// a file as well (a link to the sandbox's binary), found by the same rule, but
// where the rule leads to such a link the function behind it is called directly,
// which is what makes a deploy in the sandbox quick. A Proc holds what a program
// would have: environment, standard streams and its depth in trigger calls.
package dokku
