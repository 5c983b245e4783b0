package backend

import "flights/internal/flight"

// SpecV1 is the spec of a Backend in version v1.
type SpecV1 struct {
	Image       string            `json:"image"`
	Replicas    int               `json:"replicas"`
	Labels      map[string]string `json:"labels,omitempty"`
	NodePort    int               `json:"nodePort,omitempty"`
	Port        int               `json:"port,omitempty"`
	Healthcheck string            `json:"healthcheck,omitempty"`
}

// SpecV2 is the spec of a Backend in version v2: other names, and annotations.
type SpecV2 struct {
	Img         string `json:"img"`
	Replicas    int    `json:"replicas"`
	Meta        Meta   `json:"meta"`
	NodePort    int    `json:"nodePort,omitempty"`
	Port        int    `json:"port,omitempty"`
	Healthcheck string `json:"healthcheck,omitempty"`
}

type Meta struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// OfV1 is the workload of a Backend in version v1.
func OfV1(cr flight.Resource[SpecV1]) Workload {
	return Workload{
		Name:        cr.Metadata.Name,
		Namespace:   cr.Metadata.Namespace,
		Image:       cr.Spec.Image,
		Healthcheck: cr.Spec.Healthcheck,
		Replicas:    cr.Spec.Replicas,
		Port:        cr.Spec.Port,
		NodePort:    cr.Spec.NodePort,
		Labels:      cr.Spec.Labels,
	}
}

// OfV2 is the workload of a Backend in version v2.
func OfV2(cr flight.Resource[SpecV2]) Workload {
	return Workload{
		Name:        cr.Metadata.Name,
		Namespace:   cr.Metadata.Namespace,
		Image:       cr.Spec.Img,
		Healthcheck: cr.Spec.Healthcheck,
		Replicas:    cr.Spec.Replicas,
		Port:        cr.Spec.Port,
		NodePort:    cr.Spec.NodePort,
		Labels:      cr.Spec.Meta.Labels,
		Annotations: cr.Spec.Meta.Annotations,
	}
}
