// The two kinds of objects that a release leaves behind unless it is told otherwise.
package main

import "flights/internal/flight"

func main() {
	version := flight.Object{
		"name": "v1", "served": true, "storage": true,
		"schema": flight.Object{"openAPIV3Schema": flight.Object{"type": "object"}},
	}
	flight.Write(
		flight.New("v1", "Namespace", "", "prune", flight.Object{}),
		flight.New("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "prunes.test.com", flight.Object{
			"spec": flight.Object{
				"group":    "test.com",
				"scope":    "Cluster",
				"names":    flight.Object{"kind": "Prune", "plural": "prunes", "singular": "prune"},
				"versions": []flight.Object{version},
			},
		}),
	)
}
