package local

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A token of ClickHouse SQL, as far as this package needs it: to find where the head of an INSERT ends and its data
// begins, and which FORMAT a statement names. The engine's own parser decides everything else.
type token struct {
	kind tokenKind
	pos  int // of its first byte
	end  int // after its last byte
}

type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // a keyword, an identifier or a number
	tokenQuoted           // "x" or `x`: an identifier, never a keyword
	tokenString           // 'x' or $tag$x$tag$
	tokenOther            // one byte of punctuation
)

// next returns the token at or after pos; blanks and comments are stepped over.
func next(sql string, pos int) token {
	for pos < len(sql) {
		c := sql[pos]
		rest := sql[pos:]
		switch {
		case c <= ' ':
			pos++
		case c >= 0x80 && blank(rest) > 0:
			pos += blank(rest)
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "# "), strings.HasPrefix(rest, "#!"):
			if n := strings.IndexByte(rest, '\n'); n >= 0 {
				pos += n + 1
			} else {
				pos = len(sql)
			}
		case strings.HasPrefix(rest, "/*"):
			if n := strings.Index(rest[2:], "*/"); n >= 0 {
				pos += n + 4
			} else {
				pos = len(sql)
			}
		case c == '\'':
			return token{tokenString, pos, quotedEnd(sql, pos)}
		case c == '"', c == '`':
			return token{tokenQuoted, pos, quotedEnd(sql, pos)}
		case c == '$':
			if end := heredocEnd(sql, pos); end > 0 {
				return token{tokenString, pos, end}
			}
			return token{tokenWord, pos, wordEnd(sql, pos)}
		case isWord(c):
			return token{tokenWord, pos, wordEnd(sql, pos)}
		default:
			return token{tokenOther, pos, pos + 1}
		}
	}
	return token{tokenEnd, len(sql), len(sql)}
}

// blank is the length of a blank beyond ASCII at the beginning of s: ClickHouse steps over those too, even over such
// without width.
func blank(s string) int {
	switch r, n := utf8.DecodeRuneInString(s); {
	case unicode.IsSpace(r), r >= 0x200b && r <= 0x200f, r == 0x180e, r == 0x2060, r == 0xfeff:
		return n
	}
	return 0
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func wordEnd(sql string, pos int) int {
	for pos < len(sql) && isWord(sql[pos]) && !(sql[pos] >= 0x80 && blank(sql[pos:]) > 0) {
		pos++
	}
	return pos
}

// quotedEnd steps over a quoted piece: a backslash escapes, and the quote doubled stands for itself.
func quotedEnd(sql string, pos int) int {
	quote := sql[pos]
	for pos++; pos < len(sql); pos++ {
		switch sql[pos] {
		case '\\':
			pos++
		case quote:
			if pos+1 < len(sql) && sql[pos+1] == quote {
				pos++
				continue
			}
			return pos + 1
		}
	}
	return len(sql)
}

func heredocEnd(sql string, pos int) int {
	n := strings.IndexByte(sql[pos+1:], '$')
	if n < 0 {
		return 0
	}
	tag := sql[pos : pos+n+2]
	for i := 1; i < len(tag)-1; i++ {
		if !isWord(tag[i]) {
			return 0
		}
	}
	if m := strings.Index(sql[pos+len(tag):], tag); m >= 0 {
		return pos + len(tag) + m + len(tag)
	}
	return 0
}

// is says whether the token is this keyword.
func (t token) is(sql, keyword string) bool {
	return t.kind == tokenWord && strings.EqualFold(sql[t.pos:t.end], keyword)
}

func (t token) char(sql string, c byte) bool {
	return t.kind == tokenOther && sql[t.pos] == c
}

// insertHead is an INSERT up to where its data begins.
type insertHead struct {
	statement string // without FORMAT or VALUES: INSERT INTO t (a, b) SETTINGS …
	format    string // of the data; "" when the rows come from a query (INSERT … SELECT)
	inline    int    // where in the text the data begins
	infile    bool   // FROM INFILE: the rows would come from a file of this machine
}

// parseInsert recognises an INSERT statement. complete is false when the text may go on behind what was given (a body
// that is still being read): then a head that ends in the middle of a word is not taken for the whole.
func parseInsert(sql string, complete bool) (head insertHead, ok bool) {
	t := next(sql, 0)
	if !t.is(sql, "INSERT") {
		return head, false
	}
	t = next(sql, t.end)
	if !t.is(sql, "INTO") {
		return head, false
	}
	t = next(sql, t.end)
	if t.is(sql, "TABLE") || t.is(sql, "FUNCTION") {
		// INSERT INTO TABLE t, or a table that is called so: a name follows only in the first case.
		if after := next(sql, t.end); after.kind == tokenWord || after.kind == tokenQuoted {
			if !after.is(sql, "VALUES") && !after.is(sql, "FORMAT") && !after.is(sql, "SELECT") {
				t = after
			}
		}
	}
	// The table's name, so that a table called `format` is not taken for the keyword.
	for {
		if t.kind != tokenWord && t.kind != tokenQuoted {
			return head, false
		}
		after := next(sql, t.end)
		if !after.char(sql, '.') {
			t = after
			break
		}
		t = next(sql, after.end)
	}
	depth := 0
	for ; t.kind != tokenEnd; t = next(sql, t.end) {
		switch {
		case t.char(sql, '('):
			depth++
		case t.char(sql, ')'):
			depth--
		case depth > 0:
		case t.is(sql, "INFILE"):
			head.infile = true
		case t.is(sql, "SELECT"), t.is(sql, "WITH"), t.is(sql, "WATCH"), t.is(sql, "EXPLAIN"):
			return insertHead{statement: sql, infile: head.infile}, true
		case t.is(sql, "VALUES"):
			return insertHead{sql[:t.pos], "Values", t.end, head.infile}, true
		case t.is(sql, "FORMAT"):
			name := next(sql, t.end)
			if name.kind != tokenWord || (name.end == len(sql) && !complete) {
				return head, false
			}
			if name.is(sql, "Values") {
				return insertHead{sql[:t.pos], "Values", name.end, head.infile}, true
			}
			head = insertHead{sql[:t.pos], sql[name.pos:name.end], name.end, head.infile}
			// SETTINGS may also stand behind FORMAT; the engine wants them in the statement.
			if s := next(sql, name.end); s.is(sql, "SETTINGS") {
				if end, ok := settingsEnd(sql, s.end); ok && (end < len(sql) || complete) {
					head.statement += " " + sql[s.pos:end]
					head.inline = end
				}
			}
			head.inline = dataStart(sql, head.inline)
			return head, true
		}
	}
	if !complete {
		return head, false
	}
	// INSERT INTO t (a, b) with nothing behind it: the rows come as Values in what follows.
	return insertHead{sql, "Values", len(sql), head.infile}, true
}

// settingsEnd steps over name = value, name = value.
func settingsEnd(sql string, pos int) (int, bool) {
	for {
		name := next(sql, pos)
		equals := next(sql, name.end)
		if name.kind != tokenWord || !equals.char(sql, '=') {
			return 0, false
		}
		end, ok := valueEnd(sql, equals.end)
		if !ok {
			return 0, false
		}
		comma := next(sql, end)
		if !comma.char(sql, ',') {
			return end, true
		}
		pos = comma.end
	}
}

// valueEnd steps over a setting's value: a number, a word or a text.
func valueEnd(sql string, pos int) (int, bool) {
	value := next(sql, pos)
	if value.char(sql, '-') {
		value = next(sql, value.end)
	}
	if value.kind != tokenWord && value.kind != tokenString {
		return 0, false
	}
	end := value.end
	for end+1 < len(sql) && sql[end] == '.' && isWord(sql[end+1]) { // 0.5
		end = wordEnd(sql, end+1)
	}
	return end, true
}

// dataStart is where the data begins behind FORMAT x, as ClickHouse reads it: blanks up to and with one line end, or
// a semicolon, do not belong to the data.
func dataStart(sql string, pos int) int {
	for pos < len(sql) && (sql[pos] == ' ' || sql[pos] == '\t' || sql[pos] == '\r') {
		pos++
	}
	if pos < len(sql) && sql[pos] == ';' {
		pos++
		for pos < len(sql) && (sql[pos] == ' ' || sql[pos] == '\t' || sql[pos] == '\r') {
			pos++
		}
	}
	if pos < len(sql) && sql[pos] == '\n' {
		pos++
	}
	return pos
}

// outline is what the text of a statement tells about its result.
type outline struct {
	first  string // its first keyword, upper case; "(" for a bracket
	format string // the FORMAT that it names, if any
	totals bool   // WITH TOTALS, or something that looks like it
}

func outlineOf(sql string) (o outline) {
	depth := 0
	for t := next(sql, 0); t.kind != tokenEnd; t = next(sql, t.end) {
		if o.first == "" {
			o.first = strings.ToUpper(sql[t.pos:t.end])
		}
		switch {
		case t.char(sql, '('):
			depth++
		case t.char(sql, ')'):
			depth--
		case t.is(sql, "TOTALS"):
			o.totals = true
		case depth == 0 && t.is(sql, "FORMAT"):
			name := next(sql, t.end)
			after := next(sql, name.end)
			if name.kind == tokenWord && (after.kind == tokenEnd || after.char(sql, ';') || after.is(sql, "SETTINGS")) {
				o.format = sql[name.pos:name.end]
			}
		}
	}
	return o
}
