// Deploys a workload, and fails with a status of the resource once it is there.
package main

import (
	"flights/internal/backend"
	"flights/internal/flight"
	"flights/internal/host"
	"os"
)

func main() {
	resource := flight.Read[flight.Object]()
	name, namespace := resource.Metadata.Name, resource.Metadata.Namespace
	var live flight.Object
	err := host.Lookup(host.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: namespace, Name: name}, &live)
	switch {
	case err == nil:
		flight.Write(resource.WithStatus(flight.Object{"message": "artificial test error"}))
		os.Exit(1)
	case !host.IsNotFound(err):
		flight.Fail("failed to lookup deployment: %v", err)
	}
	workload := backend.Workload{Name: name, Namespace: namespace, Image: "alpine:latest", Replicas: 1}
	flight.Write(
		resource.WithStatus(flight.Object{"message": "deploying workload..."}),
		workload.Deployment(),
	)
}
