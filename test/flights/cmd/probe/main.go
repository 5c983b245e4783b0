// A WebAssembly flight for tests: its input says what it does.
package main

import (
	"encoding/json"
	"flights/internal/host"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

func main() {
	input, _ := io.ReadAll(os.Stdin)
	verb, rest, _ := strings.Cut(string(input), " ")
	switch verb {
	case "echo":
		out, _ := json.Marshal(map[string]any{"args": os.Args, "namespace": os.Getenv("NAMESPACE"), "stdin": rest, "env": len(os.Environ())})
		fmt.Print(string(out))
	case "lookup":
		part := strings.Split(rest, ",")
		state, answer := host.RawLookup(host.Ref{Name: part[0], Namespace: part[1], Kind: part[2], APIVersion: part[3]})
		fmt.Printf("%d %s", state, answer)
	case "map":
		part := strings.Split(rest, ",")
		state, answer := host.RawRestMapping(part[0], part[1])
		fmt.Printf("%d %s", state, answer)
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
