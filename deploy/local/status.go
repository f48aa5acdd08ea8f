package local

import "net/http"

// httpStatus is the HTTP status of a ClickHouse error code, as a server maps them.
func httpStatus(code int) int {
	switch code {
	case 194: // REQUIRED_PASSWORD
		return http.StatusUnauthorized
	case 192, 193, 497, 512, 516: // users, passwords, access
		return http.StatusForbidden
	case 36, // BAD_ARGUMENTS
		6, 25, 26, 27, 38, 41, 72, 376, 441, 675, 676, // CANNOT_PARSE_…
		427,                                        // CANNOT_COMPILE_REGEXP
		8, 15, 44, 53, 62, 117, 321, 167, 168, 223: // columns, types, syntax, data, size of the syntax tree
		return http.StatusBadRequest
	case 46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 130, 336, 511: // UNKNOWN_…
		return http.StatusNotFound
	case 133: // QUERY_IS_TOO_LARGE
		return http.StatusRequestEntityTooLarge
	case 48: // NOT_IMPLEMENTED
		return http.StatusNotImplemented
	case 76, 209, 439: // CANNOT_OPEN_FILE, SOCKET_TIMEOUT, CANNOT_SCHEDULE_TASK
		return http.StatusServiceUnavailable
	case 159: // TIMEOUT_EXCEEDED
		return http.StatusRequestTimeout
	case 381: // HTTP_LENGTH_REQUIRED
		return http.StatusLengthRequired
	}
	return http.StatusInternalServerError
}
