package writer

import (
	"errors"
	"net/http"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
)

// ErrRefused means that trying again cannot help: stop, and show the error to a human, whom it tells what to do.
var ErrRefused = errors.New("ClickHouse refuses it")

const (
	migrateFirst = "the tables are not as this version needs them; run `afterclick migrate`"
	checkLogin   = "check user and password of the ClickHouse address"
	checkRights  = "the user needs the right to INSERT, and to SELECT for the views"
	checkAddress = "the address does not answer like ClickHouse; check host, port and protocol (native 9000, HTTP 8123)"
	fileABug     = "ClickHouse does not understand what was sent; check its version, and report this as a bug"
)

// refusedCodes are the errors of ClickHouse that stay, whatever time passes. All others may pass: too many parts, no memory, no
// quorum, no Keeper, shutting down, read-only for a while.
var refusedCodes = map[int32]string{
	8:   migrateFirst, // THERE_IS_NO_COLUMN
	10:  migrateFirst, // NOT_FOUND_COLUMN_IN_BLOCK
	16:  migrateFirst, // NO_SUCH_COLUMN_IN_TABLE
	20:  migrateFirst, // NUMBER_OF_COLUMNS_DOESNT_MATCH
	47:  migrateFirst, // UNKNOWN_IDENTIFIER
	53:  migrateFirst, // TYPE_MISMATCH
	60:  migrateFirst, // UNKNOWN_TABLE
	70:  migrateFirst, // CANNOT_CONVERT_TYPE
	81:  migrateFirst, // UNKNOWN_DATABASE
	691: migrateFirst, // UNKNOWN_ELEMENT_OF_ENUM
	192: checkLogin,   // UNKNOWN_USER
	193: checkLogin,   // WRONG_PASSWORD
	194: checkLogin,   // REQUIRED_PASSWORD
	195: checkLogin,   // IP_ADDRESS_NOT_ALLOWED
	516: checkLogin,   // AUTHENTICATION_FAILED
	164: checkRights,  // READONLY: the user is, not the table
	291: checkRights,  // DATABASE_ACCESS_DENIED
	497: checkRights,  // ACCESS_DENIED
	36:  fileABug,     // BAD_ARGUMENTS
	44:  fileABug,     // ILLEGAL_COLUMN
	48:  fileABug,     // NOT_IMPLEMENTED
	50:  fileABug,     // UNKNOWN_TYPE
	62:  fileABug,     // SYNTAX_ERROR
	73:  fileABug,     // UNKNOWN_FORMAT
	115: fileABug,     // UNKNOWN_SETTING
	117: fileABug,     // INCORRECT_DATA
	131: fileABug,     // TOO_LARGE_STRING_SIZE
}

// refusal tells whether err stays whatever time passes, and what to do about it.
func refusal(err error) (advice string, refused bool) {
	if e, ok := errors.AsType[*clickhouse.Exception](err); ok {
		advice, refused = refusedCodes[e.Code]
		return advice, refused
	}
	if e, ok := errors.AsType[*clickhouse.HTTPError](err); ok {
		switch {
		case e.StatusCode == http.StatusRequestTimeout || e.StatusCode == http.StatusTooManyRequests || e.StatusCode >= 500:
			return "", false // a proxy's word for later
		case e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden:
			return checkLogin, true
		}
		return checkAddress, true
	}
	if _, ok := errors.AsType[*column.ColumnConverterError](err); ok {
		return migrateFirst, true
	}
	if _, ok := errors.AsType[*column.Error](err); ok {
		return migrateFirst, true
	}
	return "", false
}
