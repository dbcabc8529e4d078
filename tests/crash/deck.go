package main

import (
	"math/rand/v2"
	"slices"
)

// deck deals its cards in random order, all of them before one comes again.
type deck[T any] struct {
	random *rand.Rand
	cards  []T
	left   []T
}

func newDeck[T any](random *rand.Rand, cards ...T) *deck[T] {
	return &deck[T]{random: random, cards: cards}
}

func (d *deck[T]) next() T {
	if len(d.left) == 0 {
		d.left = slices.Clone(d.cards)
		d.random.Shuffle(len(d.left), func(i, j int) { d.left[i], d.left[j] = d.left[j], d.left[i] })
	}
	card := d.left[0]
	d.left = d.left[1:]
	return card
}
