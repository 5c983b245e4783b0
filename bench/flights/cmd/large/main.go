// As large as flights are that are built with Kubernetes' Go libraries: it links much of the standard library instead.
package main

import (
	"archive/zip"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"debug/dwarf"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/asn1"
	"encoding/gob"
	"encoding/xml"
	"expvar"
	"fmt"
	"go/build"
	"go/doc"
	"go/printer"
	"go/types"
	"html/template"
	"image/gif"
	"image/jpeg"
	"image/png"
	"log/slog"
	"math/big"
	"mime/multipart"
	"net/http"
	"net/http/cgi"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/http/pprof"
	"net/mail"
	"net/rpc"
	"net/rpc/jsonrpc"
	"net/smtp"
	"net/textproto"
	"os"
	"regexp"
	"runtime/trace"
	"testing"
	"testing/fstest"
	"testing/quick"
	"text/scanner"
	"text/tabwriter"
	"unicode"

	"bench/internal/render"
)

var linked = []any{
	zip.NewReader, gzip.NewReader, tls.Dial, x509.ParseCertificate, sql.Open, dwarf.New, elf.NewFile, macho.NewFile,
	pe.NewFile, asn1.Unmarshal, gob.NewDecoder, xml.Unmarshal, expvar.Get, build.Import, doc.NewFromFiles, printer.Fprint,
	types.NewChecker, template.New, gif.Decode, jpeg.Decode, png.Decode, slog.New, big.NewInt, multipart.NewReader,
	http.ListenAndServe, cgi.Serve, cookiejar.New, httptest.NewServer, httputil.NewSingleHostReverseProxy, pprof.Index,
	mail.ReadMessage, rpc.Dial, jsonrpc.Dial, smtp.Dial, textproto.NewReader, regexp.MustCompile, trace.Start,
	testing.Benchmark, fstest.TestFS, quick.Check, new(scanner.Scanner), tabwriter.NewWriter, unicode.Scripts,
	unicode.Categories, unicode.Properties,
}

func main() {
	// Never true; the linker does not know.
	if len(os.Args) > 1000 {
		fmt.Println(linked...)
	}
	render.Run()
}
