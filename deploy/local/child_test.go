package local

import "os"

// childEnv makes the test binary play another process: see child.
const childEnv = "AFTERCLICK_TEST_CHILD"

func child(role string) {
	os.Exit(3)
}
