// A Backend in version v1: a Deployment and a Service.
package main

import (
	"flights/internal/backend"
	"flights/internal/flight"
)

func main() {
	workload := backend.OfV1(flight.Read[backend.SpecV1]())
	flight.Write(workload.Deployment(), workload.Service())
}
