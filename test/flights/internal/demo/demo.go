// Package demo has the objects of yoke's demo: a workload whose pods get a secret's value and roll when it changes.
package demo

import (
	"crypto/sha1"
	"encoding/hex"
	"flights/internal/backend"
	"flights/internal/flight"
	"maps"
	"slices"
)

// Spec of a demo Backend.
type Spec struct {
	Image    string `json:"image"`
	Replicas int    `json:"replicas"`
	// Where Vault keeps the value, and under which name External Secrets knows that Vault.
	Store string `json:"store"`
	Path  string `json:"path"`
	Key   string `json:"key"`
}

// Secret as the host returns it.
type Secret struct {
	Data map[string][]byte `json:"data"`
}

// Hash over the values in the order of their keys.
func (s Secret) Hash() string {
	hash := sha1.New()
	for _, key := range slices.Sorted(maps.Keys(s.Data)) {
		hash.Write(s.Data[key])
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// Deployment whose pods carry the secret's hash as a label.
func Deployment(cr flight.Resource[Spec], secret Secret, optional bool) flight.Object {
	deployment := backend.Workload{
		Name:      cr.Metadata.Name,
		Namespace: cr.Metadata.Namespace,
		Image:     cr.Spec.Image,
		Replicas:  cr.Spec.Replicas,
	}.Deployment()
	pod := deployment["spec"].(flight.Object)["template"].(flight.Object)
	pod["metadata"].(flight.Object)["labels"].(map[string]string)["secret-hash"] = secret.Hash()
	source := flight.Object{"name": cr.Metadata.Name, "key": cr.Spec.Key, "optional": optional}
	container := pod["spec"].(flight.Object)["containers"].([]flight.Object)[0]
	container["env"] = []flight.Object{{
		"name":      "SECRET",
		"valueFrom": flight.Object{"secretKeyRef": source},
	}}
	return deployment
}

// ExternalSecret that copies the value into the Secret of the resource's name.
func ExternalSecret(cr flight.Resource[Spec], creationPolicy string) flight.Object {
	name := cr.Metadata.Name
	remote := flight.Object{"key": cr.Spec.Path, "property": cr.Spec.Key}
	return flight.New("external-secrets.io/v1", "ExternalSecret", cr.Metadata.Namespace, name, flight.Object{
		"spec": flight.Object{
			"refreshInterval": "5s",
			"secretStoreRef":  flight.Object{"kind": "SecretStore", "name": cr.Spec.Store},
			"target":          flight.Object{"name": name, "creationPolicy": creationPolicy},
			"data":            []flight.Object{{"secretKey": cr.Spec.Key, "remoteRef": remote}},
		},
	})
}
