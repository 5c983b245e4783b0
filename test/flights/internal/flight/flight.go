// Package flight is what the test flights have in common: the resource that comes in, the objects that go out.
package flight

import (
	"encoding/json"
	"fmt"
	"os"
)

// Object is any Kubernetes object, or a part of one.
type Object = map[string]any

// Resource is the custom resource that is rendered.
type Resource[Spec any] struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   Metadata `json:"metadata"`
	Spec       Spec     `json:"spec"`
}

type Metadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// ConfigMap as the host returns it.
type ConfigMap struct {
	Data map[string]string `json:"data"`
}

// Read takes the resource from the input.
func Read[Spec any]() Resource[Spec] {
	var resource Resource[Spec]
	if err := json.NewDecoder(os.Stdin).Decode(&resource); err != nil {
		Fail("failed to decode input: %v", err)
	}
	return resource
}

// WithStatus is the resource itself with a status: what the controller writes instead of applying it.
func (r Resource[Spec]) WithStatus(status any) Object {
	metadata := Object{"name": r.Metadata.Name}
	if r.Metadata.Namespace != "" {
		metadata["namespace"] = r.Metadata.Namespace
	}
	return Object{"apiVersion": r.APIVersion, "kind": r.Kind, "metadata": metadata, "status": status}
}

// Write ends what the flight says: one stage.
func Write(objects ...Object) {
	if err := json.NewEncoder(os.Stdout).Encode(append([]Object{}, objects...)); err != nil {
		Fail("failed to write the objects: %v", err)
	}
}

// Fail ends the flight with a reason.
func Fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format, args...)
	os.Exit(1)
}

// New is an object of a name; an empty namespace is left out.
func New(apiVersion, kind, namespace, name string, parts Object) Object {
	metadata := Object{"name": name}
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	object := Object{"apiVersion": apiVersion, "kind": kind, "metadata": metadata}
	for key, part := range parts {
		object[key] = part
	}
	return object
}
