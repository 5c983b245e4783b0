// A Backend in version v1 whose number of replicas a ConfigMap of its own can override.
package main

import (
	"flights/internal/backend"
	"flights/internal/flight"
	"flights/internal/host"
	"strconv"
)

func main() {
	workload := backend.OfV1(flight.Read[backend.SpecV1]())
	var live flight.ConfigMap
	ref := host.Ref{APIVersion: "v1", Kind: "ConfigMap", Namespace: workload.Namespace, Name: workload.Name}
	if err := host.Lookup(ref, &live); err != nil && !host.IsNotFound(err) {
		flight.Fail("failed to lookup configmap: %v", err)
	}
	if replicas, err := strconv.Atoi(live.Data["replicas"]); err == nil && replicas > 0 {
		workload.Replicas = replicas
	}
	// Its data goes back as it came: whoever sets a key keeps it.
	settings := flight.New("v1", "ConfigMap", workload.Namespace, workload.Name, flight.Object{"data": live.Data})
	flight.Write(workload.Deployment(), workload.Service(), settings)
}
