package shop

// place is a country that the shop sells to.
type place struct {
	country   string
	language  string // of most of its people: index into languages
	offset    int64  // of its clocks from UTC, in hours; the shop knows no summer time
	weight    float64
	warehouse int // index into warehouses
	distance  float64
	regions   []string
	search    string // the shop's favourite search engine there
	compare   string // ... and price comparison
}

var places = []place{
	{"DE", "de", 1, 30, 0, 1, []string{"BE", "BY", "BW", "HE", "HH", "NI", "NW", "SN"}, "https://www.google.de/", "https://www.idealo.de/"},
	{"AT", "de", 1, 6, 0, 1.4, []string{"Wien", "Tirol", "Steiermark", "Oberösterreich"}, "https://www.google.at/", "https://geizhals.at/"},
	{"NL", "en", 1, 4, 0, 1.2, []string{"NH", "ZH", "UT"}, "https://www.google.nl/", "https://tweakers.net/"},
	{"GB", "en", 0, 9, 0, 1.8, []string{"ENG", "SCT", "WLS", "NIR"}, "https://www.google.co.uk/", "https://pricespy.co.uk/"},
	{"FR", "fr", 1, 16, 1, 1, []string{"IDF", "ARA", "OCC", "PAC", "NAQ", "HDF", "BRE"}, "https://www.google.fr/", "https://www.idealo.fr/"},
	{"BE", "fr", 1, 3, 1, 1.2, []string{"BRU", "WAL", "VLG"}, "https://www.google.be/", "https://www.kelkoo.be/"},
	{"IT", "it", 1, 11, 1, 1.3, []string{"Lombardia", "Lazio", "Piemonte", "Veneto", "Campania", "Sicilia"}, "https://www.google.it/", "https://www.trovaprezzi.it/"},
	{"ES", "es", 1, 12, 2, 1, []string{"MD", "CT", "AN", "VC", "PV", "GA", "CN"}, "https://www.google.es/", "https://www.idealo.es/"},
	{"PT", "pt", 0, 6, 2, 1.2, []string{"Lisboa", "Porto", "Braga", "Faro"}, "https://www.google.pt/", "https://www.kuantokusta.pt/"},
	{"US", "en", -6, 3, 0, 2.6, []string{"NY", "CA", "TX", "MA", "IL"}, "https://www.google.com/", "https://www.google.com/shopping"},
}

var placesOften = func() weights {
	var w []float64
	for _, p := range places {
		w = append(w, p.weight)
	}
	return newWeights(w)
}()

var warehouses = []string{"leipzig", "lyon", "zaragoza"}

// carrier brings parcels, and has habits.
type carrier struct {
	name     string
	days     float64 // median of the way at distance 1
	spread   float64 // deviation of its logarithm: how unreliable it is
	quote    float64 // days that the shop promises for it at distance 1
	missed   float64 // share of deliveries where nobody opens
	lost     float64
	damaged  float64
	saturday bool // delivers on Saturdays
	weight   float64
}

var carriers = []carrier{
	{"arrowpost", 1.1, 0.22, 2, 0.05, 0.001, 0.003, true, 30},
	{"parcelio", 1.6, 0.38, 3, 0.07, 0.003, 0.008, true, 32},
	{"bluevan", 1.3, 0.30, 3, 0.03, 0.001, 0.004, false, 20},
	{"ecoship", 2.8, 0.50, 4, 0.11, 0.008, 0.016, false, 18}, // cheap, and late
}

var carriersOften = func() weights {
	var w []float64
	for _, c := range carriers {
		w = append(w, c.weight)
	}
	return newWeights(w)
}()
