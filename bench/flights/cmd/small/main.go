// As small as a Go program is.
package main

import "bench/internal/render"

func main() {
	render.Run()
}
