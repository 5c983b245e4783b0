// A Deployment of one replica, and in the resource's status what has become of it.
package main

import (
	"flights/internal/backend"
	"flights/internal/flight"
	"flights/internal/host"
	"strconv"
)

func main() {
	resource := flight.Read[flight.Object]()
	name, namespace := resource.Metadata.Name, resource.Metadata.Namespace
	var live struct {
		Status struct {
			AvailableReplicas int `json:"availableReplicas"`
		} `json:"status"`
	}
	available := "unknown"
	err := host.Lookup(host.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: namespace, Name: name}, &live)
	switch {
	case err == nil:
		available = strconv.Itoa(live.Status.AvailableReplicas)
	case !host.IsNotFound(err):
		flight.Fail("failed to lookup deployment: %v", err)
	}
	workload := backend.Workload{Name: name, Namespace: namespace, Image: "alpine:latest", Replicas: 1}
	flight.Write(
		resource.WithStatus(flight.Object{"availablePods": available}),
		workload.Deployment(),
	)
}
