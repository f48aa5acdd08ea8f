package shop

import (
	"strconv"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/schemas/event"
)

// tellOpinion writes an event of the reviews topic, in the customer's language.
func (s *Shop) tellOpinion(o *order, st step) (feed.Record, bool) {
	w, d := &s.writer, &s.dice
	op := &o.opinions[st.which]
	if op.place.namesOrder() {
		s.orderKey(o)
	} else {
		s.key = strconv.AppendUint(append(s.key[:0], "r-"...), op.number, 10)
	}
	w.open(s.id(), types[st.what], st.at, string(opinionPlaces[op.place]))
	w.number("review", "r-", op.number)
	if op.place.namesOrder() {
		w.number("order", "o-", o.number)
		w.number("customer", "c-", customerNumber(o.person.number))
	}
	words := &wordsOf[languageIndex(o.person.lang)]
	own := diceOf(op.seed, 'w', uint64(op.version))
	switch st.what {
	case edited:
		op.rate(int8(st.arg))
		op.version++
		own = diceOf(op.seed, 'w', uint64(op.version))
		if op.rating >= 4 && op.place != onSurvey || op.rating >= 7 {
			op.good, op.bad = aboutService, 0
		}
		op.waiting = false
		fallthrough
	case posted, mention:
		s.subjects(o, op)
		op.writeRating(w)
		if !op.silent {
			if !op.place.social() {
				w.prose("title", op.title(&own, words))
			}
			w.prose("text", op.text(&own, words))
			w.text("language", o.person.lang)
		}
		author := diceOf(s.cfg.Seed, 'a', o.person.number)
		w.prose("author", pick(&author, words.names)+" "+string(rune('A'+author.below(26)))+".")
		if op.reach > 0 {
			w.whole("reach", op.reach)
		}
	case answered, contactPromised, resolved:
		w.prose("text", pick(&own, words.replies[st.what-answered]))
		w.text("language", o.person.lang)
		w.text("author", "Oak & Ember")
		if st.what == contactPromised {
			w.time("contact", st.arg)
		}
		if st.what == resolved {
			w.text("resolution", event.Resolutions[op.resolve])
		}
	}
	w.close()
	latency := d.between(200, 3000)
	if op.place != onShop && op.place != onSurvey {
		latency = d.between(30*secondMS, 25*minuteMS) // polled from elsewhere
	}
	return s.tell(event.Reviews, st.at, latency)
}

func (op *opinion) writeRating(w *writer) {
	if op.rating < 0 {
		return
	}
	if op.rating > 0 {
		w.whole("rating", int64(op.rating))
	}
	if op.place == onSurvey {
		w.whole("rating_max", 10)
		return
	}
	w.whole("rating_min", 1)
	w.whole("rating_max", 5)
}

// subjects are what the opinion is about: on the shop's own pages the product, elsewhere the shop, the carrier if it is blamed.
func (s *Shop) subjects(o *order, op *opinion) {
	w := &s.writer
	p := &s.goods.all[o.lines[0].product]
	w.b = append(w.b, `,"subjects":[`...)
	if op.place == onShop || op.place.social() && (op.good|op.bad)&aboutProduct != 0 {
		w.b = append(w.b, `{"kind":"product","id":"p-`...)
		w.b = strconv.AppendUint(w.b, p.number, 10)
		w.b = append(w.b, `"},{"kind":"brand","id":"`...)
		w.b = append(w.b, p.brand...)
		w.b = append(w.b, `"}`...)
	} else {
		w.b = append(w.b, `{"kind":"shop","id":"oakandember"}`...)
	}
	if op.bad&aboutDelivery != 0 {
		w.b = append(w.b, `,{"kind":"carrier","id":"`...)
		w.b = append(w.b, carriers[o.carrier].name...)
		w.b = append(w.b, `"}`...)
	}
	w.b = append(w.b, ']')
}

func (op *opinion) title(d *dice, words *words) string {
	switch {
	case op.bad != 0 && op.good == 0:
		return pick(d, words.titles[0])
	case op.bad != 0:
		return pick(d, words.titles[1])
	}
	return pick(d, words.titles[2])
}

// text puts a sentence for each aspect together, complaints first.
func (op *opinion) text(d *dice, words *words) string {
	var text []byte
	add := func(sentence string) {
		if len(text) > 0 {
			text = append(text, " \n"[d.below(8)/7])
		}
		text = append(text, sentence...)
	}
	if op.version > 0 {
		add(pick(d, words.edit))
	}
	if op.waiting {
		add(pick(d, words.before))
	}
	for a := range aspectCount {
		if op.bad&(1<<a) != 0 && !(op.waiting && 1<<a == aboutDelivery) {
			add(pick(d, words.bad[a]))
		}
	}
	for a := range aspectCount {
		if op.good&(1<<a) != 0 {
			add(pick(d, words.good[a]))
		}
	}
	return string(text)
}
