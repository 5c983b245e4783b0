// A ConfigMap that the flight looks up, and one that it does not but that holds another's data.
package main

import (
	"flights/internal/flight"
	"flights/internal/host"
)

func main() {
	var subscribed, external flight.ConfigMap
	if err := host.Lookup(ref("subscribed"), &subscribed); err != nil && !host.IsNotFound(err) {
		flight.Fail("failed to lookup subscribed: %v", err)
	}
	if err := host.Lookup(ref("external"), &external); err != nil {
		flight.Fail("failed to lookup external: %v", err)
	}
	flight.Write(
		flight.New("v1", "ConfigMap", "", "subscribed", flight.Object{}),
		flight.New("v1", "ConfigMap", "", "standard", flight.Object{"data": external.Data}),
	)
}

func ref(name string) host.Ref { return host.Ref{APIVersion: "v1", Kind: "ConfigMap", Name: name} }
