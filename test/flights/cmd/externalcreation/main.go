// Copies a ConfigMap, and waits for it while it is not there.
package main

import (
	"flights/internal/flight"
	"flights/internal/host"
)

type spec struct {
	Source string `json:"source"`
	Target string `json:"target"`
}

func main() {
	resource := flight.Read[spec]()
	var source flight.ConfigMap
	ref := host.Ref{APIVersion: "v1", Kind: "ConfigMap", Namespace: "default", Name: resource.Spec.Source}
	err := host.Lookup(ref, &source)
	switch {
	case err == nil:
		flight.Write(flight.New("v1", "ConfigMap", "default", resource.Spec.Target, flight.Object{"data": source.Data}))
	case host.IsNotFound(err):
		message := "source does not exist: waiting for it to be created."
		flight.Write(resource.WithStatus(flight.Object{"msg": message}))
	default:
		flight.Fail("failed to lookup source: %v", err)
	}
}
