// A WebAssembly flight for tests: its input says what it does.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unsafe"
)

//go:wasmimport host k8s_lookup
func lookup(state unsafe.Pointer, name, namespace, kind, apiVersion uint64) uint64

//go:wasmimport host k8s_rest_mapping
func restMapping(state unsafe.Pointer, group, kind uint64) uint64

var held = map[uint32][]byte{}

//go:wasmexport malloc
func malloc(size uint32) uint64 {
	buffer := make([]byte, size)
	at := uint32(uintptr(unsafe.Pointer(unsafe.SliceData(buffer))))
	held[at] = buffer
	return uint64(at)<<32 | uint64(size)
}

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

func main() {
	input, _ := io.ReadAll(os.Stdin)
	verb, rest, _ := strings.Cut(string(input), " ")
	switch verb {
	case "echo":
		out, _ := json.Marshal(map[string]any{"args": os.Args, "namespace": os.Getenv("NAMESPACE"), "stdin": rest, "env": len(os.Environ())})
		fmt.Print(string(out))
	case "lookup":
		part := strings.Split(rest, ",")
		var state uint32
		answer := lookup(unsafe.Pointer(&state), pack(part[0]), pack(part[1]), pack(part[2]), pack(part[3]))
		fmt.Printf("%d %s", state, unpack(answer))
	case "map":
		part := strings.Split(rest, ",")
		var state uint32
		answer := restMapping(unsafe.Pointer(&state), pack(part[0]), pack(part[1]))
		fmt.Printf("%d %s", state, unpack(answer))
	case "fail":
		fmt.Print("[]")
		fmt.Fprint(os.Stderr, rest)
		os.Exit(3)
	case "panic":
		panic(rest)
	case "loop":
		for {
		}
	case "sleep":
		began := time.Now()
		time.Sleep(20 * time.Millisecond)
		fmt.Print(time.Since(began) >= 20*time.Millisecond, time.Now().Year() > 2000)
	case "sleep-long":
		time.Sleep(time.Hour)
	case "memory":
		kept := [][]byte{}
		for {
			block := make([]byte, 1<<20)
			for i := range block {
				block[i] = 1
			}
			kept = append(kept, block)
		}
	case "output":
		line := strings.Repeat("x", 1<<20)
		for {
			fmt.Print(line)
		}
	case "file":
		_, err := os.ReadFile("/etc/passwd")
		fmt.Print(err)
	}
}
