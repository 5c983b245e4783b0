// Converts Backends between v1 and v2, as the API server asks for it in a ConversionReview.
package main

import (
	"encoding/json"
	"flights/internal/backend"
	"flights/internal/flight"
	"fmt"
	"maps"
	"os"
	"strings"
)

// Where annotations of a v2 Backend's pods are kept while it is a v1 Backend.
const annotationPrefix = "annotations.examples.com/"

type review struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Request    *request  `json:"request,omitempty"`
	Response   *response `json:"response,omitempty"`
}

type request struct {
	UID               string            `json:"uid"`
	DesiredAPIVersion string            `json:"desiredAPIVersion"`
	Objects           []json.RawMessage `json:"objects"`
}

type response struct {
	UID              string          `json:"uid"`
	Result           flight.Object   `json:"result"`
	ConvertedObjects []flight.Object `json:"convertedObjects"`
}

func main() {
	var asked review
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil || asked.Request == nil {
		flight.Fail("failed to decode conversion review: %v", err)
	}
	answer := response{UID: asked.Request.UID, Result: flight.Object{"status": "Success"}}
	for _, raw := range asked.Request.Objects {
		converted, err := convert(raw, asked.Request.DesiredAPIVersion)
		if err != nil {
			answer.Result = flight.Object{"status": "Failure", "message": err.Error()}
			answer.ConvertedObjects = nil
			break
		}
		answer.ConvertedObjects = append(answer.ConvertedObjects, converted)
	}
	json.NewEncoder(os.Stdout).Encode(review{APIVersion: asked.APIVersion, Kind: asked.Kind, Response: &answer})
}

// The metadata passes through whole, but for the annotations that change places.
type object[Spec any] struct {
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Metadata   flight.Object `json:"metadata"`
	Spec       Spec          `json:"spec"`
}

func convert(raw json.RawMessage, desired string) (flight.Object, error) {
	var version struct {
		APIVersion string `json:"apiVersion"`
	}
	if err := json.Unmarshal(raw, &version); err != nil {
		return nil, err
	}
	switch from, to := versionOf(version.APIVersion), versionOf(desired); {
	case from == "v1" && to == "v2":
		return toV2(raw, desired)
	case from == "v2" && to == "v1":
		return toV1(raw, desired)
	default:
		return nil, fmt.Errorf("cannot convert from %s to %s", version.APIVersion, desired)
	}
}

func versionOf(apiVersion string) string {
	_, version, _ := strings.Cut(apiVersion, "/")
	return version
}

func toV2(raw json.RawMessage, desired string) (flight.Object, error) {
	var v1 object[backend.SpecV1]
	if err := json.Unmarshal(raw, &v1); err != nil {
		return nil, err
	}
	spec := backend.SpecV2{
		Img:         v1.Spec.Image,
		Replicas:    v1.Spec.Replicas,
		Meta:        backend.Meta{Labels: v1.Spec.Labels, Annotations: map[string]string{}},
		NodePort:    v1.Spec.NodePort,
		Port:        v1.Spec.Port,
		Healthcheck: v1.Spec.Healthcheck,
	}
	own, _ := v1.Metadata["annotations"].(flight.Object)
	for key, value := range own {
		if name, ok := strings.CutPrefix(key, annotationPrefix); ok {
			spec.Meta.Annotations[name] = value.(string)
		}
	}
	maps.DeleteFunc(own, func(key string, _ any) bool { return strings.HasPrefix(key, annotationPrefix) })
	return flight.Object{"apiVersion": desired, "kind": v1.Kind, "metadata": v1.Metadata, "spec": spec}, nil
}

func toV1(raw json.RawMessage, desired string) (flight.Object, error) {
	var v2 object[backend.SpecV2]
	if err := json.Unmarshal(raw, &v2); err != nil {
		return nil, err
	}
	spec := backend.SpecV1{
		Image:       v2.Spec.Img,
		Replicas:    v2.Spec.Replicas,
		Labels:      v2.Spec.Meta.Labels,
		NodePort:    v2.Spec.NodePort,
		Port:        v2.Spec.Port,
		Healthcheck: v2.Spec.Healthcheck,
	}
	own, _ := v2.Metadata["annotations"].(flight.Object)
	if own == nil {
		own = flight.Object{}
	}
	for name, value := range v2.Spec.Meta.Annotations {
		own[annotationPrefix+name] = value
	}
	if len(own) > 0 {
		v2.Metadata["annotations"] = own
	}
	return flight.Object{"apiVersion": desired, "kind": v2.Kind, "metadata": v2.Metadata, "spec": spec}, nil
}
