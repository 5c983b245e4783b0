// Command vault is Vault's dev server and nothing more: the unmodified core and HTTP API of the official module
// with the kv secrets engine, token and kubernetes auth and file audit devices.
//
// The official command compiles every cloud's secrets engine, auth method and storage into one binary: 2,400 packages
// against the 1,500 here. It takes the same flags for what the demo uses, so an official `vault` on PATH
// stands in for this one:
//
//	vault server -dev -dev-root-token-id=root -dev-listen-address=127.0.0.1:8200 -dev-no-store-token
//	vault version
package main

import (
	"fmt"
	"os"

	"github.com/hashicorp/vault/version"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("which command? this build has `server -dev` and `version`")
	}
	switch args[0] {
	case "server":
		options, err := parseServerFlags(args[1:])
		if err != nil {
			return err
		}
		return serve(options)
	case "version", "-v", "-version", "--version":
		fmt.Println(version.GetVersion().FullVersionNumber(true))
		return nil
	default:
		return fmt.Errorf("unknown command %q: this build has `server -dev` and `version`", args[0])
	}
}
