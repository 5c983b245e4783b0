// Stands in for the real module through the `replace` of ../go.mod.
module github.com/hashicorp/go-discover

go 1.26.0
