// Package lookuptest makes databases of addresses for tests.
package lookuptest

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"go4.org/netipx"
)

// Place is where a network is. Without a region it is a record as databases of countries have it.
type Place struct{ Country, Region string }

// MMDB writes a database of networks (203.0.113.0/24) and returns its file.
func MMDB(t testing.TB, networks map[string]Place) string {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoIP2-City", IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	for network, p := range networks {
		record := mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(p.Country)}}
		if p.Region != "" {
			record["subdivisions"] = mmdbtype.Slice{mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String(p.Region)}}}
		}
		if err := tree.Insert(netipx.PrefixIPNet(netip.MustParsePrefix(network)), record); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(t.TempDir(), "places.mmdb")
	f, err := os.Create(name)
	if err == nil {
		_, err = tree.WriteTo(f)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}
