// What could become the next Backend: a DaemonSet, and an opinion on the number of replicas.
package main

import (
	"flights/internal/backend"
	"flights/internal/flight"
)

func main() {
	workload := backend.OfV2(flight.Read[backend.SpecV2]())
	if workload.Replicas%2 == 0 {
		flight.Fail("replicas must be odd but got %d", workload.Replicas)
	}
	flight.Write(workload.DaemonSet(), workload.Service())
}
