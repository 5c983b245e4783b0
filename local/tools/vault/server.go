package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/vault/command/server"
	"github.com/hashicorp/vault/helper/namespace"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/sdk/helper/logging"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
	"github.com/hashicorp/vault/version"
)

// serve runs a dev server until SIGTERM or SIGINT: everything in memory, unsealed, KV version 2 at secret/.
func serve(options serverOptions) error {
	// The port first: a busy one is the likeliest mistake, and nothing should start before it is known.
	listener, err := net.Listen("tcp", options.listenAddress)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", options.listenAddress, err)
	}
	defer listener.Close()

	logger := logging.NewVaultLoggerWithWriter(os.Stderr, hclog.LevelFromString(options.logLevel))
	core, config, err := newCore(options, logger)
	if err != nil {
		return err
	}
	token, err := openForUse(core, options.rootToken)
	if err != nil {
		return err
	}

	httpServer := &http.Server{
		Handler:           vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core, ListenerConfig: config.Listeners[0]}),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       5 * time.Minute,
		ErrorLog:          logger.StandardLogger(nil),
	}
	failed := make(chan error, 1)
	go func() { failed <- httpServer.Serve(listener) }()

	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	fmt.Printf("%s at http://%s, everything in memory\n", version.GetVersion().FullVersionNumber(false), listener.Addr())
	if options.rootToken == "" {
		fmt.Printf("Root Token: %s\n", token)
	}
	fmt.Println("==> Vault server started! Log data will stream in below:")

	select {
	case err = <-failed:
	case <-stop.Done():
		fmt.Println("==> Vault shutdown triggered")
		httpServer.Close()
	}
	return errors.Join(err, core.Shutdown())
}

// newCore makes an uninitialized core. It keeps the parsed configuration too: parts of the core read it later
// and panic without one.
func newCore(options serverOptions, logger hclog.Logger) (*vault.Core, *server.Config, error) {
	config, err := server.DevConfig("inmem")
	if err != nil {
		return nil, nil, err
	}
	config.Listeners[0].Address = options.listenAddress
	config.Listeners[0].Telemetry.UnauthenticatedMetricsAccess = true

	storage, err := inmem.NewInmem(nil, logger)
	if err != nil {
		return nil, nil, err
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		RawConfig:          config,
		Physical:           storage,
		StorageType:        "inmem",
		RedirectAddr:       "http://" + options.listenAddress,
		LogicalBackends:    secretsEngines,
		CredentialBackends: authMethods,
		AuditBackends:      auditDevices,
		BuiltinRegistry:    builtins{},
		DisableMlock:       true,
		Logger:             logger,
		LogLevel:           options.logLevel,
	})
	return core, config, err
}

// openForUse initializes and unseals the core, gives it the wanted root token and mounts KV version 2 at secret/.
// It returns the root token.
func openForUse(core *vault.Core, wantedToken string) (string, error) {
	ctx := namespace.RootContext(context.Background())
	initialized, err := core.Initialize(ctx, &vault.InitParams{
		BarrierConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1},
	})
	if err != nil {
		return "", fmt.Errorf("cannot initialize: %w", err)
	}
	if unsealed, err := core.Unseal(initialized.SecretShares[0]); err != nil || !unsealed {
		return "", fmt.Errorf("cannot unseal: %w", err)
	}

	token := initialized.RootToken
	call := func(path string, data map[string]interface{}) error {
		response, err := core.HandleRequest(ctx, &logical.Request{
			Operation: logical.UpdateOperation, ClientToken: token, Path: path, Data: data,
		})
		if err == nil && response.IsError() {
			err = response.Error()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	}
	if wantedToken != "" {
		if err := call("auth/token/create", map[string]interface{}{
			"id": wantedToken, "policies": []string{"root"}, "no_parent": true, "no_default_policy": true,
		}); err != nil {
			return "", err
		}
		if err := call("auth/token/revoke-self", nil); err != nil {
			return "", err
		}
		token = wantedToken
	}
	return token, call("sys/mounts/secret", map[string]interface{}{
		"type": "kv", "description": "key/value secret storage", "options": map[string]string{"version": "2"},
	})
}
