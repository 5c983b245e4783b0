// A ConfigMap with the input as its data.
package main

import (
	"encoding/json"
	"flights/internal/flight"
	"os"
)

func main() {
	var data map[string]string
	if err := json.NewDecoder(os.Stdin).Decode(&data); err != nil {
		flight.Fail("failed to decode input: %v", err)
	}
	flight.Write(flight.New("v1", "ConfigMap", "", os.Getenv("YOKE_RELEASE"), flight.Object{"data": data}))
}
