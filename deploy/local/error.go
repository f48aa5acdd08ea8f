package local

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Error is what ClickHouse says when it refuses or fails: its own code, the code's name and its own words.
type Error struct {
	Code    int
	Name    string // UNKNOWN_TABLE
	Message string // without code and name
	cause   error
}

// Unwrap leads to ErrReadOnly and other sentinels of this package.
func (e *Error) Unwrap() error { return e.cause }

// Error is the text in ClickHouse's own form: Code: 60. DB::Exception: … (UNKNOWN_TABLE)
func (e *Error) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("Code: %d. DB::Exception: %s", e.Code, e.Message)
	}
	return fmt.Sprintf("Code: %d. DB::Exception: %s (%s)", e.Code, e.Message, e.Name)
}

var (
	errorForm   = regexp.MustCompile(`(?s)^(?:Error: )?Code: (\d+)\. DB::(?:\w+)?Exception: (.*)$`)
	errorName   = regexp.MustCompile(`(?s)^(.*?)(?: \(([A-Z][A-Z0-9_]+)\))?\s*$`)
	errorDouble = regexp.MustCompile(`(?s)^Code: \d+\. DB::Exception: (.*?) \([A-Z0-9_]+\) \(version [^)]*\)\.?`)
)

// parseError turns the engine's text into an Error; "" is no error.
func parseError(text string) error {
	if text == "" {
		return nil
	}
	m := errorForm.FindStringSubmatch(text)
	if m == nil {
		// libchdb's own words about its own interface, such as a closed connection: LOGICAL_ERROR in ClickHouse.
		return &Error{Code: 49, Name: "LOGICAL_ERROR", Message: strings.TrimSpace(text)}
	}
	code, _ := strconv.Atoi(m[1])
	e := &Error{Code: code, Message: strings.TrimSpace(m[2])}
	if n := errorName.FindStringSubmatch(e.Message); n != nil {
		e.Message, e.Name = strings.TrimSuffix(n[1], "."), n[2]
		e.Message += "."
	}
	// Some errors of the client's side hold the server's text once more.
	if d := errorDouble.FindStringSubmatch(e.Message); d != nil {
		e.Message = d[1]
	}
	return e
}
