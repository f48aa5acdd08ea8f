//go:build !linux

package kafkatest

import "os/exec"

// dieWithParent is something that only Linux knows: elsewhere a test process that is killed leaves its brokers behind.
func dieWithParent(*exec.Cmd) {}
