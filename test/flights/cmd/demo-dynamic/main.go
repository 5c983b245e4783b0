// The demo in dynamic mode: the Secret is part of the release, and External Secrets merges the value into it.
package main

import (
	"flights/internal/demo"
	"flights/internal/flight"
	"flights/internal/host"
)

func main() {
	resource := flight.Read[demo.Spec]()
	name, namespace := resource.Metadata.Name, resource.Metadata.Namespace
	var secret demo.Secret
	// Without an answer there is no data yet.
	_ = host.Lookup(host.Ref{APIVersion: "v1", Kind: "Secret", Namespace: namespace, Name: name}, &secret)
	flight.Write(
		demo.Deployment(resource, secret, true),
		flight.New("v1", "Secret", namespace, name, flight.Object{"data": secret.Data}),
		demo.ExternalSecret(resource, "Merge"),
	)
}
