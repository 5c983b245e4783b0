package main

import (
	kubernetesauth "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/audit"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
)

// The core looks a backend up in these tables when it is mounted, and in the registry when a client lists plugins.
var (
	secretsEngines = map[string]logical.Factory{"kv": kv.Factory}
	authMethods    = map[string]logical.Factory{"kubernetes": kubernetesauth.Factory}
	auditDevices   = map[string]audit.Factory{"file": audit.NewFileBackend}
)

// builtins is the plugin catalog of this build. Implements plugincatalog.BuiltinRegistry.
type builtins struct{}

func (builtins) table(kind consts.PluginType) map[string]logical.Factory {
	switch kind {
	case consts.PluginTypeSecrets:
		return secretsEngines
	case consts.PluginTypeCredential:
		return authMethods
	default:
		return nil
	}
}

func (b builtins) Contains(name string, kind consts.PluginType) bool {
	_, ok := b.table(kind)[name]
	return ok
}

func (b builtins) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	factory, ok := b.table(kind)[name]
	return func() (interface{}, error) { return factory, nil }, ok
}

func (b builtins) Keys(kind consts.PluginType) []string {
	var names []string
	for name := range b.table(kind) {
		names = append(names, name)
	}
	return names
}

func (b builtins) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, b.Contains(name, kind)
}

func (builtins) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
