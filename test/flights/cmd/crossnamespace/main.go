// The same ConfigMap in two namespaces.
package main

import "flights/internal/flight"

func main() {
	flight.Write(
		flight.New("v1", "ConfigMap", "foo", "cm", flight.Object{}),
		flight.New("v1", "ConfigMap", "bar", "cm", flight.Object{}),
	)
}
