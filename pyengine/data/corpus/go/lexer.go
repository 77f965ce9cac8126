package tmpl

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	tokError tokenKind = iota
	tokEOF
	tokText
	tokOpen  // {{
	tokClose // }}
	tokName
	tokString
	tokPipe
)

//go:generate stringer -type=tokenKind

type token struct {
	kind tokenKind
	text string
	line int
}

// A stateFn scans a piece of the input and says what to do next; nil ends the run.
type stateFn func(*lexer) stateFn

type lexer struct {
	input  string
	start  int
	pos    int
	line   int
	tokens []token
}

const eof = -1

func lex(input string) []token {
	l := &lexer{input: input, line: 1}
	for state := stateFn(lexText); state != nil; {
		state = state(l)
	}
	return l.tokens
}

func (l *lexer) next() rune {
	if l.pos >= len(l.input) {
		return eof
	}
	r, size := utf8.DecodeRuneInString(l.input[l.pos:])
	l.pos += size
	return r
}

func (l *lexer) emit(kind tokenKind) {
	text := l.input[l.start:l.pos]
	l.tokens = append(l.tokens, token{kind, text, l.line})
	l.line += strings.Count(text, "\n")
	l.start = l.pos
}

func (l *lexer) errorf(format string, args ...any) stateFn {
	l.tokens = append(l.tokens, token{tokError, fmt.Sprintf(format, args...), l.line})
	return nil
}

func lexText(l *lexer) stateFn {
	rest := l.input[l.pos:]
	open := strings.Index(rest, "{{")
	if open < 0 {
		l.pos = len(l.input)
		if l.pos > l.start {
			l.emit(tokText)
		}
		l.emit(tokEOF)
		return nil
	}
	if open > 0 {
		l.pos += open
		l.emit(tokText)
	}
	if strings.HasPrefix(l.input[l.pos:], "{{!--") {
		return lexComment
	}
	l.pos += len("{{")
	l.emit(tokOpen)
	return lexInside
}

func lexComment(l *lexer) stateFn {
	end := strings.Index(l.input[l.pos:], "--}}")
	if end < 0 {
		return l.errorf("comment is never closed")
	}
	l.pos += end + len("--}}")
	l.line += strings.Count(l.input[l.start:l.pos], "\n")
	l.start = l.pos
	return lexText
}

func lexInside(l *lexer) stateFn {
	if strings.HasPrefix(l.input[l.pos:], "}}") {
		l.pos += len("}}")
		l.emit(tokClose)
		return lexText
	}
	switch r := l.next(); {
	case r == eof:
		return l.errorf("tag is never closed")
	case unicode.IsSpace(r):
		l.start = l.pos
	case r == '|':
		l.emit(tokPipe)
	case r == '"':
		end := strings.IndexByte(l.input[l.pos:], '"')
		if end < 0 {
			return l.errorf("string is never closed")
		}
		l.pos += end + 1
		l.emit(tokString)
	case unicode.IsLetter(r) || r == '_' || r == '.':
		for l.pos < len(l.input) && strings.IndexByte(" \t\n|}\"", l.input[l.pos]) < 0 {
			l.next()
		}
		l.emit(tokName)
	default:
		return l.errorf("unexpected %q in a tag", r)
	}
	return lexInside
}
