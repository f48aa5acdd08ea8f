// Afterclick follows every customer from the first click to the last review.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/afterclick/afterclick/deploy/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command.Run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
