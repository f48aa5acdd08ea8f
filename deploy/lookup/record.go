package lookup

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/processors/enrich"
	"github.com/afterclick/afterclick/schemas/event"
)

// Product is a record of the catalogue, in a file or a topic.
type Product struct {
	Product  string  `json:"product"`
	Name     string  `json:"name,omitempty"` // not used
	Category string  `json:"category,omitempty"`
	Brand    string  `json:"brand,omitempty"`
	Price    float64 `json:"price,omitempty"` // of one, in the reporting currency
}

// Customer is a record about one. What is written to the tables of the year of birth is the generation alone.
type Customer struct {
	Customer   string `json:"customer"`
	Segment    string `json:"segment,omitempty"`
	BirthYear  int    `json:"birth_year,omitempty"`
	Country    string `json:"country,omitempty"`     // that they live in, ISO 3166-1 alpha-2
	FirstOrder string `json:"first_order,omitempty"` // a day: 2024-05-31
}

// record is a Product or a Customer.
type record interface {
	id() *string
	// set gives a column its value.
	set(column, value string) error
	// pack checks the record and makes an entry of it.
	pack() (words [3]string, number float64, err error)
}

func (p *Product) id() *string  { return &p.Product }
func (c *Customer) id() *string { return &c.Customer }

func (p *Product) set(column, value string) (err error) {
	switch column {
	case "product":
		p.Product = value
	case "name":
		p.Name = value
	case "category":
		p.Category = value
	case "brand":
		p.Brand = value
	case "price":
		if value != "" {
			if p.Price, err = strconv.ParseFloat(value, 64); err != nil {
				return fmt.Errorf("is %.40q, must be a number like 12.50", value)
			}
		}
	default:
		return errNoColumn
	}
	return nil
}

func (c *Customer) set(column, value string) (err error) {
	switch column {
	case "customer":
		c.Customer = value
	case "segment":
		c.Segment = value
	case "birth_year":
		if value != "" {
			if c.BirthYear, err = strconv.Atoi(value); err != nil {
				return fmt.Errorf("is %.40q, must be a year like 1984", value)
			}
		}
	case "country":
		c.Country = value
	case "first_order":
		c.FirstOrder = value
	default:
		return errNoColumn
	}
	return nil
}

var (
	productColumns  = []string{"product", "name", "category", "brand", "price"}
	customerColumns = []string{"customer", "segment", "birth_year", "country", "first_order"}
	errNoColumn     = errors.New("is no column")
)

func word(s string) string {
	if s == "" {
		return enrich.Unknown
	}
	return s
}

// short checks an id or a name.
func short(field, s string) error {
	switch {
	case len(s) > event.MaxName:
		return fmt.Errorf("%s: may have at most %d bytes, has %d", field, event.MaxName, len(s))
	case strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f || r == 0xfffd }):
		return fmt.Errorf("%s: must be UTF-8 without control characters, is %.40q", field, s)
	}
	return nil
}

func (p *Product) pack() (words [3]string, number float64, err error) {
	if !(p.Price >= 0 && p.Price <= event.MaxAmount) || math.IsNaN(p.Price) {
		return words, 0, fmt.Errorf("price: must be from 0 to %g, is %g", event.MaxAmount, p.Price)
	}
	err = errors.Join(short("product", p.Product), short("category", p.Category), short("brand", p.Brand))
	return [3]string{word(p.Category), word(p.Brand), ""}, p.Price, err
}

func (c *Customer) pack() (words [3]string, number float64, err error) {
	if err = errors.Join(short("customer", c.Customer), short("segment", c.Segment)); err != nil {
		return words, 0, err
	}
	country := strings.ToUpper(c.Country)
	if country != "" && (len(country) != 2 || country[0] < 'A' || country[0] > 'Z' || country[1] < 'A' || country[1] > 'Z') {
		return words, 0, fmt.Errorf("country: must be two letters as in ISO 3166-1, like DE, is %.40q", c.Country)
	}
	if c.BirthYear != 0 && (c.BirthYear < 1850 || c.BirthYear > 2100) {
		return words, 0, fmt.Errorf("birth_year: must be a year from 1850 to 2100, is %d", c.BirthYear)
	}
	if c.FirstOrder != "" {
		day, err := time.Parse(time.DateOnly, c.FirstOrder)
		if err != nil || event.TimeOf(day) < event.Earliest || event.TimeOf(day) > event.Latest {
			return words, 0, fmt.Errorf("first_order: must be a day from 2000 to 2100 like 2024-05-31, is %.40q", c.FirstOrder)
		}
		number = float64(event.TimeOf(day))
	}
	return [3]string{word(c.Segment), enrich.Generation(c.BirthYear), word(country)}, number, nil
}

// kind is what there are entries of.
type kind struct {
	name    string // products
	key     string // the column with the id
	columns []string
	empty   func() record
}

var (
	products  = kind{"products", "product", productColumns, func() record { return &Product{} }}
	customers = kind{"customers", "customer", customerColumns, func() record { return &Customer{} }}
)

// parseJSON reads one object. In a topic the id is the record's key, and need not be in the value.
func (k kind) parseJSON(to *entries, key string, value []byte) error {
	r := k.empty()
	if err := strictJSON(value, r); err != nil {
		return fmt.Errorf("%w; the fields are %s", err, strings.Join(k.columns, ", "))
	}
	id := r.id()
	switch {
	case *id == "":
		*id = key
	case key != "" && *id != key:
		return fmt.Errorf("%s: is %.60q, but the record's key is %.60q", k.key, *id, key)
	}
	return k.put(to, r)
}

func (k kind) put(to *entries, r record) error {
	if *r.id() == "" {
		return fmt.Errorf("%s: is required and must not be empty", k.key)
	}
	words, number, err := r.pack()
	if err != nil {
		return err
	}
	return to.put(*r.id(), words, number)
}

// strictJSON takes no field that is not there, and nothing after the object.
func strictJSON(value []byte, to any) error {
	rest, err := json.Parse(value, to, json.DisallowUnknownFields|json.DontMatchCaseInsensitiveStructFields)
	if err == nil && len(rest) > 0 {
		err = errors.New("there is something after the object")
	}
	if err == nil && !bytes.HasPrefix(bytes.TrimSpace(value), []byte("{")) {
		err = errors.New("must be an object")
	}
	return err
}

// parseFile reads a CSV file with a line of column names, or a file with a JSON object on each line, by the name's ending. An error
// names the line.
func (k kind) parseFile(name string, r io.Reader, to *entries) error {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv":
		return k.parseCSV(name, r, to)
	case ".jsonl", ".ndjson", ".json":
		return k.parseLines(name, r, to)
	}
	return fmt.Errorf("%s: must end in .csv, or in .jsonl for a JSON object on each line", name)
}

func (k kind) parseCSV(name string, r io.Reader, to *entries) error {
	c := csv.NewReader(r)
	c.ReuseRecord = true
	header, err := c.Read()
	if err != nil {
		return fmt.Errorf("%s:1: the column names are missing: %w", name, err)
	}
	columns := slices.Clone(header)
	for i, column := range columns {
		columns[i] = strings.TrimSpace(strings.TrimPrefix(column, "\ufeff"))
		if !slices.Contains(k.columns, columns[i]) || slices.Contains(columns[:i], columns[i]) {
			return fmt.Errorf("%s:1: %q is no column, or there twice; the columns are %s", name, columns[i], strings.Join(k.columns, ", "))
		}
	}
	if !slices.Contains(columns, k.key) {
		return fmt.Errorf("%s:1: there is no column %s", name, k.key)
	}
	for {
		fields, err := c.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err) // it names the line
		}
		line, _ := c.FieldPos(0)
		r := k.empty()
		for i, value := range fields {
			if err := r.set(columns[i], strings.TrimSpace(value)); err != nil {
				return fmt.Errorf("%s:%d: %s %w", name, line, columns[i], err)
			}
		}
		before := to.len()
		if err := k.put(to, r); err != nil {
			return fmt.Errorf("%s:%d: %w", name, line, err)
		}
		if to.len() == before { // which of the two lines holds nobody can tell
			return fmt.Errorf("%s:%d: %s %q is there twice", name, line, k.key, *r.id())
		}
	}
}

func (k kind) parseLines(name string, r io.Reader, to *entries) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		before := to.len()
		if err := k.parseJSON(to, "", lines.Bytes()); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if to.len() == before {
			return fmt.Errorf("%s:%d: its %s is there twice", name, n, k.key)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// parseRates reads what a unit of each currency was worth: date,currency,rate.
func parseRates(name string, r io.Reader) (rates, error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord = 3
	header, err := c.Read()
	if err != nil || strings.TrimPrefix(strings.Join(header, ","), "\ufeff") != "date,currency,rate" {
		return nil, fmt.Errorf("%s:1: must be date,currency,rate", name)
	}
	all := rates{}
	for {
		f, err := c.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := c.FieldPos(0)
		day, err := time.Parse(time.DateOnly, f[0])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: date: must be like 2026-01-31, is %.40q", name, line, f[0])
		}
		if !isCurrency(f[1]) {
			return nil, fmt.Errorf("%s:%d: currency: must be three capital letters as in ISO 4217, like USD, is %.40q", name, line, f[1])
		}
		v, err := strconv.ParseFloat(f[2], 64)
		if err != nil || !(v > 0 && v <= event.MaxAmount) {
			return nil, fmt.Errorf("%s:%d: rate: must be what 1 %s was worth in the reporting currency, more than 0, is %.40q", name, line, f[1], f[2])
		}
		all[f[1]] = append(all[f[1]], rate{event.TimeOf(day), v})
	}
	for currency, list := range all {
		slices.SortFunc(list, func(a, b rate) int { return int(min(max(a.day-b.day, -1), 1)) })
		for i := 1; i < len(list); i++ {
			if list[i].day == list[i-1].day {
				return nil, fmt.Errorf("%s: %s has two rates on %s", name, currency, list[i].day.Time().Format(time.DateOnly))
			}
		}
	}
	return all, nil
}

func isCurrency(s string) bool {
	return len(s) == 3 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// rates by currency, in order of day.
type rates map[string][]rate

type rate struct {
	day   event.Time
	value float64
}

// at is the rate of a time's day, else the latest before it.
func (r rates) at(currency string, t event.Time) (float64, bool) {
	list := r[currency]
	i, _ := slices.BinarySearchFunc(list, t, func(r rate, t event.Time) int {
		if r.day <= t {
			return -1
		}
		return 1
	})
	if i == 0 {
		return 0, false
	}
	return list[i-1].value, true
}
