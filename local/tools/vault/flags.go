package main

import (
	"errors"
	"flag"
	"os"
)

type serverOptions struct {
	rootToken     string // empty: Vault invents one and prints it
	listenAddress string // host:port, plain HTTP
	logLevel      string
}

// parseServerFlags takes the official command's flags and environment variables, with the same defaults.
func parseServerFlags(args []string) (serverOptions, error) {
	var options serverOptions
	flags := flag.NewFlagSet("vault server", flag.ContinueOnError)
	dev := flags.Bool("dev", false, "in-memory server, initialized and unsealed (the only mode of this build)")
	flags.StringVar(&options.rootToken, "dev-root-token-id", os.Getenv("VAULT_DEV_ROOT_TOKEN_ID"), "the root token")
	flags.StringVar(&options.listenAddress, "dev-listen-address", env("VAULT_DEV_LISTEN_ADDRESS", "127.0.0.1:8200"), "host:port")
	flags.StringVar(&options.logLevel, "log-level", env("VAULT_LOG_LEVEL", "info"), "trace, debug, info, warn or error")
	flags.Bool("dev-no-store-token", false, "accepted for the official command's sake: this build never stores the token")
	if err := flags.Parse(args); err != nil {
		return options, err
	}
	if !*dev {
		return options, errors.New("this build serves dev mode only: add -dev, or put the official vault on PATH")
	}
	return options, nil
}

func env(name, fallback string) string {
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return fallback
}
