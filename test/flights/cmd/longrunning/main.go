// A Job that takes a second.
package main

import "flights/internal/flight"

func main() {
	container := flight.Object{"name": "main", "image": "alpine:latest", "command": []string{"sleep", "1"}}
	pod := flight.Object{"spec": flight.Object{"restartPolicy": "Never", "containers": []flight.Object{container}}}
	flight.Write(flight.New("batch/v1", "Job", "", "job", flight.Object{
		"spec": flight.Object{"backoffLimit": 0, "template": pod},
	}))
}
