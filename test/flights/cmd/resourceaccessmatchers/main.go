// A ConfigMap with what two Secrets hold, for which the flight may or may not be allowed to ask.
package main

import (
	"encoding/json"
	"flights/internal/flight"
	"flights/internal/host"
)

func main() {
	data := flight.Object{
		"one": read("default", "one"),
		"two": read("custom", "two"),
	}
	flight.Write(flight.New("v1", "ConfigMap", "", "cm", flight.Object{"data": data}))
}

func read(namespace, name string) string {
	var secret struct {
		Data map[string][]byte `json:"data"`
	}
	ref := host.Ref{APIVersion: "v1", Kind: "Secret", Namespace: namespace, Name: name}
	if err := host.Lookup(ref, &secret); err != nil {
		flight.Fail("failed to lookup secret %s: %v", name, err)
	}
	text, _ := json.Marshal(secret.Data)
	return string(text)
}
