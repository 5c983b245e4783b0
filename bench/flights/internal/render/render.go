// Package render is what both programs do: as many Deployments as the instance asks for.
package render

import (
	"encoding/json"
	"fmt"
	"os"
)

type object = map[string]any

type instance struct {
	Metadata struct {
		Name      string
		Namespace string
	}
	Spec struct {
		Objects int
		Image   string
	}
}

// Run reads the instance from stdin and writes the Deployments to stdout.
func Run() {
	var from instance
	if err := json.NewDecoder(os.Stdin).Decode(&from); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	objects := make([]object, from.Spec.Objects)
	for index := range objects {
		objects[index] = deployment(from, fmt.Sprintf("%s-%d", from.Metadata.Name, index))
	}
	if err := json.NewEncoder(os.Stdout).Encode(objects); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func deployment(from instance, name string) object {
	labels := object{"app": name}
	container := object{"name": "main", "image": from.Spec.Image}
	return object{
		"apiVersion": "apps/v1",
		"kind":       "Deployment",
		"metadata":   object{"name": name, "namespace": from.Metadata.Namespace, "labels": labels},
		"spec": object{
			"replicas": 2,
			"selector": object{"matchLabels": labels},
			"template": object{"metadata": object{"labels": labels}, "spec": object{"containers": []object{container}}},
		},
	}
}
