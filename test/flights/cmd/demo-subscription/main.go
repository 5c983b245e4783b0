// The demo in subscription mode: External Secrets owns the Secret, which the flight only looks up.
package main

import (
	"flights/internal/demo"
	"flights/internal/flight"
	"flights/internal/host"
)

func main() {
	resource := flight.Read[demo.Spec]()
	var secret demo.Secret
	if err := host.Lookup(host.Ref{APIVersion: "v1", Kind: "Secret", Name: resource.Metadata.Name}, &secret); err != nil && !host.IsNotFound(err) {
		flight.Fail("failed to lookup secret: %v", err)
	}
	flight.Write(demo.Deployment(resource, secret, false), demo.ExternalSecret(resource, "Owner"))
}
