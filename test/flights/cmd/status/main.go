// Nothing but the resource itself; its status is what its spec says.
package main

import "flights/internal/flight"

func main() {
	resource := flight.Read[flight.Object]()
	flight.Write(resource.WithStatus(resource.Spec))
}
