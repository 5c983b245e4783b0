// Package host calls the two functions that the controller offers to a WebAssembly flight.
package host

import (
	"encoding/json"
	"errors"
	"runtime"
	"unsafe"
)

//go:wasmimport host k8s_lookup
func k8sLookup(state unsafe.Pointer, name, namespace, kind, apiVersion uint64) uint64

//go:wasmimport host k8s_rest_mapping
func k8sRestMapping(state unsafe.Pointer, group, kind uint64) uint64

// State is what the host says of a call.
type State uint32

const (
	OK State = iota
	NoAccess
	Failed
	NotFound
	Unauthenticated
	Forbidden
)

// Error is an answer without a result.
type Error struct {
	State   State
	Message string
}

func (e *Error) Error() string { return e.Message }

// IsNotFound tells whether there is no such object.
func IsNotFound(err error) bool {
	var answer *Error
	return errors.As(err, &answer) && answer.State == NotFound
}

// Ref names an object. An empty namespace is the host's default.
type Ref struct{ APIVersion, Kind, Namespace, Name string }

// Lookup reads an object into a value of the caller's.
func Lookup(ref Ref, into any) error {
	state, answer := RawLookup(ref)
	if state != OK {
		return &Error{State: state, Message: answer}
	}
	return json.Unmarshal([]byte(answer), into)
}

// RawLookup is the host's answer as it came: the object, or the reason why there is none.
func RawLookup(ref Ref) (State, string) {
	var state State
	answer := k8sLookup(unsafe.Pointer(&state), pack(ref.Name), pack(ref.Namespace), pack(ref.Kind), pack(ref.APIVersion))
	runtime.KeepAlive(ref)
	return state, unpack(answer)
}

// RawRestMapping asks for a kind of a group, or of an apiVersion.
func RawRestMapping(group, kind string) (State, string) {
	var state State
	answer := k8sRestMapping(unsafe.Pointer(&state), pack(group), pack(kind))
	runtime.KeepAlive(group)
	runtime.KeepAlive(kind)
	return state, unpack(answer)
}

// What the host has asked for and nobody has read; keeps it from the garbage collector.
var held = map[uint32][]byte{}

//go:wasmexport malloc
func malloc(size uint32) uint64 {
	buffer := make([]byte, size)
	at := uint32(uintptr(unsafe.Pointer(unsafe.SliceData(buffer))))
	held[at] = buffer
	return uint64(at)<<32 | uint64(size)
}

// Address in the high half, length in the low one. The caller keeps the text alive.
func pack(text string) uint64 {
	if text == "" {
		return 0
	}
	return uint64(uintptr(unsafe.Pointer(unsafe.StringData(text))))<<32 | uint64(len(text))
}

func unpack(packed uint64) string {
	at := uint32(packed >> 32)
	text := string(held[at][:uint32(packed)])
	delete(held, at)
	return text
}
