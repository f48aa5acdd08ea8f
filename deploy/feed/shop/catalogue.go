package shop

import (
	"math"
	"strconv"
	"strings"
)

// category is a part of the catalogue.
type category struct {
	name     string
	nouns    []string
	low      float64 // prices, in euros
	high     float64
	returned float64 // share of good deliveries that come back all the same
	warranty float64 // share of orders that add one
	brands   []string
}

var categories = []category{
	{"lighting", []string{"desk lamp", "floor lamp", "pendant", "night light", "string lights", "wall lamp"}, 15, 190, 0.05, 0.03, []string{"Aurelo", "Nordlys", "Brightwell"}},
	{"kitchen", []string{"kettle", "coffee grinder", "pan", "knife set", "blender", "toaster", "espresso maker"}, 18, 320, 0.05, 0.09, []string{"Casa Lumo", "Hearthline", "Brightwell"}},
	{"furniture", []string{"bookshelf", "side table", "office chair", "bench", "coat rack", "stool"}, 39, 690, 0.07, 0.05, []string{"Oakhaven", "Nordlys", "Fjellwood"}},
	{"audio", []string{"headphones", "speaker", "earbuds", "turntable", "soundbar"}, 29, 540, 0.09, 0.16, []string{"Sonaro", "Echofield", "Tonwerk"}},
	{"computing", []string{"keyboard", "mouse", "monitor", "webcam", "dock", "laptop stand", "power bank"}, 19, 480, 0.07, 0.14, []string{"Tonwerk", "Klarbit", "Voltarc"}},
	{"fashion", []string{"sneakers", "rain jacket", "jeans", "sweater", "shirt", "scarf", "backpack"}, 19, 210, 0.22, 0, []string{"Marisol", "Fjellwood", "Atelier Nove"}},
	{"sports", []string{"yoga mat", "running shoes", "dumbbells", "bike helmet", "water bottle", "tent"}, 12, 260, 0.09, 0.02, []string{"Altaroca", "Velomare", "Fjellwood"}},
	{"garden", []string{"planter", "hose", "pruning shears", "lounger", "bird feeder", "grill"}, 9, 420, 0.04, 0.03, []string{"Verdano", "Oakhaven", "Hearthline"}},
	{"toys", []string{"train set", "puzzle", "plush bear", "building blocks", "board game"}, 8, 95, 0.04, 0, []string{"Pippa", "Holzwicht", "Luminou"}},
	{"beauty", []string{"face cream", "shampoo", "hair dryer", "perfume", "razor"}, 6, 140, 0.03, 0.01, []string{"Belvara", "Atelier Nove", "Saponetta"}},
}

var adjectives = []string{"classic", "mini", "pro", "urban", "soft", "nova", "compact", "alpine", "studio", "eco", "retro", "prime"}

// product is a thing that is sold.
type product struct {
	number   uint64
	category uint8
	brand    string
	slug     string // with its number, as in addresses
	words    string // as one types it into a search
	price    int64  // in cents
	quality  float64
}

// catalogue is what the shop sells; a product's index is its rank of popularity.
type catalogue struct {
	all   []product
	often weights // Zipf
}

func newCatalogue(seed uint64, n int) *catalogue {
	c := &catalogue{all: make([]product, n)}
	popular := make([]float64, n)
	for i := range c.all {
		d := diceOf(seed, 'p', uint64(i))
		at := d.below(len(categories))
		if i < 3*len(categories) {
			at = i % len(categories) // every category has something popular
		}
		cat := &categories[at]
		brand, noun := pick(&d, cat.brands), pick(&d, cat.nouns)
		number := uint64(1000 + i)
		words := strings.ToLower(brand) + " " + pick(&d, adjectives) + " " + noun
		c.all[i] = product{
			number:   number,
			category: uint8(at),
			brand:    brand,
			slug:     strings.ReplaceAll(words, " ", "-") + "-" + strconv.FormatUint(number, 10),
			words:    strings.ReplaceAll(words, " ", "+"),
			price:    int64(math.Exp(math.Log(cat.low)+d.float()*math.Log(cat.high/cat.low)))*100 + []int64{0, 90, 95, 99, 50}[d.below(5)],
			quality:  4.45 + 0.25*d.normal(),
		}
		if d.chance(0.05) {
			c.all[i].quality -= 1.1
		}
		popular[i] = math.Pow(float64(i)+3, -1)
	}
	c.often = newWeights(popular)
	return c
}

func (c *catalogue) pick(d *dice) uint32 { return uint32(c.often.pick(d)) }

// like is another product of the same category, if one is found quickly.
func (c *catalogue) like(d *dice, p uint32) uint32 {
	for range 4 {
		if q := c.pick(d); q != p && c.all[q].category == c.all[p].category {
			return q
		}
	}
	return c.pick(d)
}
