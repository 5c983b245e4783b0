// A Backend in version v2: a Deployment and a Service.
package main

import (
	"flights/internal/backend"
	"flights/internal/flight"
)

func main() {
	workload := backend.OfV2(flight.Read[backend.SpecV2]())
	flight.Write(workload.Deployment(), workload.Service())
}
