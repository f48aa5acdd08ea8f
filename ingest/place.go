package ingest

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/afterclick/afterclick/schemas/event"
)

// placeHeader says on SESSION's topic where the click's address is: the country's code, a blank, the region. The address itself stays
// with the source.
const placeHeader = "afterclick-place"

// Locator finds out where an address is. It belongs to one lane.
type Locator interface {
	// Locate returns the country (ISO 3166-1 alpha-2, in upper case) and the region of an IP address; empty where they are not known,
	// as for private addresses and for text that is no address.
	Locate(ip string) (country, region string)
}

type nowhere struct{}

func (nowhere) Locate(string) (country, region string) { return "", "" }

func (c *Config) locator() Locator {
	if c.NewLocator == nil {
		return nowhere{}
	}
	return c.NewLocator()
}

// placeOf is the header for a click that named an address; false if nobody knows where that is.
func placeOf(l Locator, ip string) (kgo.RecordHeader, bool) {
	country, region := l.Locate(ip)
	if country == "" {
		return kgo.RecordHeader{}, false
	}
	return placeHeaderOf(country, region), true
}

func placeHeaderOf(country, region string) kgo.RecordHeader {
	return kgo.RecordHeader{Key: placeHeader, Value: []byte(country + " " + region)}
}

// locate gives a click the country and region of its address, as far as it does not tell them itself: ip is the address, if it came with
// one, else header may say what the router found.
func locate(l Locator, c *event.Click, ip string, header []byte) {
	var country, region string
	switch {
	case ip != "":
		country, region = l.Locate(ip)
	case header != nil:
		country, region, _ = strings.Cut(stringOf(header), " ")
	}
	if c.Country == "" {
		c.Country = country
	}
	if c.Region == "" && c.Country == country {
		c.Region = region
	}
}
