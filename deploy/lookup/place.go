package lookup

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/afterclick/afterclick/ingest"
	"github.com/afterclick/afterclick/schemas/event"
)

// places are where addresses are: a file in MaxMind's format, with GeoIP2's country and subdivisions, or with a country code at the top.
type places struct {
	db             atomic.Pointer[maxminddb.Reader]
	found, unknown atomic.Int64
}

func (p *places) read(f *openFile) error {
	bytes, err := io.ReadAll(f) // in memory: the file may be overwritten
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	db, err := maxminddb.OpenBytes(bytes)
	if err != nil {
		return fmt.Errorf("%s: %w: must be a database in MaxMind's format (.mmdb)", f.name, err)
	}
	p.db.Store(db)
	return nil
}

func (p *places) count() Count {
	c := Count{Name: "places", Found: p.found.Load(), Unknown: p.unknown.Load()}
	if db := p.db.Load(); db != nil {
		c.Entries = int(db.Metadata.NodeCount)
		c.Bytes = int(db.Metadata.NodeCount * db.Metadata.RecordSize / 4)
	}
	return c
}

func (p *places) describe() string {
	m := p.db.Load().Metadata
	return fmt.Sprintf("places of addresses, %s of %s", m.DatabaseType, m.BuildTime().UTC().Format(time.DateOnly))
}

// Locator makes one for a lane.
func (l *Lookups) Locator() ingest.Locator {
	return &locator{places: &l.places, young: map[string]place{}}
}

// locator remembers the latest addresses, in memory only. Most clicks come from the same address as the one before.
type locator struct {
	places     *places
	db         *maxminddb.Reader // that young and old are of
	young, old map[string]place
}

type place struct{ country, region string }

// remembered is how many addresses a locator keeps, at most twice as many.
const remembered = 8192

func (l *locator) Locate(ip string) (country, region string) {
	db := l.places.db.Load()
	if db != l.db {
		l.db, l.young, l.old = db, map[string]place{}, nil
	}
	at, ok := l.young[ip]
	if !ok {
		if at, ok = l.old[ip]; !ok {
			at = find(db, ip)
		}
		if len(l.young) >= remembered {
			l.old, l.young = l.young, make(map[string]place, remembered)
		}
		l.young[strings.Clone(ip)] = at
	}
	if at.country == "" {
		l.places.unknown.Add(1)
	} else {
		l.places.found.Add(1)
	}
	return at.country, at.region
}

// find looks an address up. What is no address, or a private one, is nowhere.
func find(db *maxminddb.Reader, ip string) (p place) {
	addr, err := netip.ParseAddr(strings.TrimSpace(ip))
	if err != nil || db == nil {
		return p
	}
	addr = addr.Unmap().WithZone("")
	if addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsUnspecified() || addr.IsMulticast() {
		return p
	}
	r := db.Lookup(addr)
	if !r.Found() {
		return p
	}
	text := func(path ...any) (s string) {
		if r.DecodePath(&s, path...) != nil {
			return ""
		}
		return s
	}
	for _, path := range [][]any{{"country", "iso_code"}, {"country_code"}, {"country"}} {
		if p.country = strings.ToUpper(text(path...)); len(p.country) == 2 {
			break
		}
		p.country = ""
	}
	for _, path := range [][]any{{"subdivisions", 0, "names", "en"}, {"subdivisions", 0, "iso_code"}, {"region"}, {"state1"}} {
		if p.region = text(path...); p.region != "" {
			break
		}
	}
	if p.country == "" || len(p.region) > event.MaxName {
		p.region = ""
	}
	return p
}
