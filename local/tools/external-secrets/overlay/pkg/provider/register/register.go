// Package register lists the secret providers compiled into the controller.
// It stands in for upstream's list of 36 (see ../../../../README.md): the demo reads from Vault, and the
// SDKs of the other providers are most of the compile time.
package register

import (
	_ "github.com/external-secrets/external-secrets/pkg/provider/fake"
	_ "github.com/external-secrets/external-secrets/pkg/provider/kubernetes"
	_ "github.com/external-secrets/external-secrets/pkg/provider/vault"
	_ "github.com/external-secrets/external-secrets/pkg/provider/webhook"
)
