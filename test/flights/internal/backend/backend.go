// Package backend has the workloads that the versions of the Backend flight render.
package backend

import (
	"flights/internal/flight"
	"maps"
)

// Workload is what all versions of a Backend come down to.
type Workload struct {
	Name, Namespace     string
	Image, Healthcheck  string
	Replicas            int
	Port, NodePort      int
	Labels, Annotations map[string]string
}

const defaultPort = 3000

// Deployment of the workload.
func (w Workload) Deployment() flight.Object {
	spec := w.podOwner()
	spec["replicas"] = w.Replicas
	return w.labelled(flight.New("apps/v1", "Deployment", w.Namespace, w.Name, flight.Object{"spec": spec}))
}

// DaemonSet of the workload; it has no use for replicas.
func (w Workload) DaemonSet() flight.Object {
	return w.labelled(flight.New("apps/v1", "DaemonSet", w.Namespace, w.Name, flight.Object{"spec": w.podOwner()}))
}

// Service in front of the pods.
func (w Workload) Service() flight.Object {
	port := flight.Object{"name": "http", "protocol": "TCP", "port": 80, "targetPort": "http"}
	spec := flight.Object{"selector": w.selector(), "ports": []flight.Object{port}}
	if w.NodePort != 0 {
		port["nodePort"] = w.NodePort
		spec["type"] = "NodePort"
	}
	return w.labelled(flight.New("v1", "Service", w.Namespace, w.Name, flight.Object{"spec": spec}))
}

func (w Workload) podOwner() flight.Object {
	container := flight.Object{
		"name":  "backend",
		"image": w.Image,
		"ports": []flight.Object{{"name": "http", "protocol": "TCP", "containerPort": w.port()}},
	}
	if w.Healthcheck != "" {
		container["livenessProbe"] = flight.Object{"httpGet": flight.Object{"path": w.Healthcheck, "port": "http"}}
	}
	pod := flight.Object{
		"metadata": flight.Object{"labels": w.labels(), "annotations": w.Annotations},
		"spec":     flight.Object{"containers": []flight.Object{container}},
	}
	return flight.Object{"selector": flight.Object{"matchLabels": w.selector()}, "template": pod}
}

func (w Workload) port() int {
	if w.Port == 0 {
		return defaultPort
	}
	return w.Port
}

func (w Workload) selector() map[string]string { return map[string]string{"app": w.Name} }

func (w Workload) labels() map[string]string {
	labels := w.selector()
	maps.Copy(labels, w.Labels)
	return labels
}

func (w Workload) labelled(object flight.Object) flight.Object {
	object["metadata"].(flight.Object)["labels"] = w.labels()
	return object
}
