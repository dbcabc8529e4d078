package format

import "errors"

// ErrUnclosedQuote is returned by SplitWords for text that ends within quotes.
var ErrUnclosedQuote = errors.New("unclosed quote")

// SplitWords splits a string of docker arguments as `xargs` does: quotes and
// backslashes are understood, nothing is expanded.
func SplitWords(text string) ([]string, error) {
	var words []string
	var word []byte
	inWord := false
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		char := text[i]
		switch {
		case quote != 0 && char == quote:
			quote = 0
		case quote != 0:
			word = append(word, char)
		case char == '\'' || char == '"':
			quote, inWord = char, true
		case char == '\\' && i+1 < len(text):
			i++
			word, inWord = append(word, text[i]), true
		case char == ' ' || char == '\t' || char == '\n':
			if inWord {
				words = append(words, string(word))
			}
			word, inWord = nil, false
		default:
			word, inWord = append(word, char), true
		}
	}
	if quote != 0 {
		return nil, ErrUnclosedQuote
	}
	if inWord {
		words = append(words, string(word))
	}
	return words, nil
}
