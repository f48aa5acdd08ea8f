package journey

import (
	"github.com/afterclick/afterclick/schemas/event"
	"github.com/afterclick/afterclick/schemas/table"
)

// Stars puts a rating on the scale of 1 to 5; 0 if there is none. A scale that is not given ends at 5. It begins at min; when that
// is not given (0), at 1 for a scale of two to five, unless the rating itself is below 1; else at 0.
func Stars(rating, min, max float64) float64 {
	if rating == 0 && max == 0 {
		return 0
	}
	if max == 0 {
		max = 5
	}
	if min == 0 && max >= 2 && max <= 5 && rating >= 1 {
		min = 1
	}
	if max <= min {
		return 0
	}
	stars := 1 + 4*(rating-min)/(max-min)
	switch {
	case stars < 1:
		return 1
	case stars > 5:
		return 5
	}
	return stars
}

// SentimentOf stars: at most 2 is negative, at least 4 positive.
func SentimentOf(stars float64) table.Sentiment {
	switch {
	case stars == 0:
		return table.Unscored
	case stars <= 2:
		return table.Negative
	case stars >= 4:
		return table.Positive
	}
	return table.Neutral
}

// opinion is what the events of one review say.
type opinion struct {
	first                    event.Time // event of it
	posted, edited, removed  event.Time
	mention                  bool
	negative                 event.Time // since when
	source                   uint32
	stated                   [strs]uint32 // the last version's word on each
	rating, ratingMax, stars float64
	reach                    float64
	answered, resolved       event.Time
	promised, due, contacted event.Time // contact
	reopened, again          event.Time // the last complaint after it was resolved, the first resolution after that
	resolution               uint32
}

func (s *state) opinion(review uint32) (o opinion) {
	told := uint32(0) // the source of the earliest event
	isReview := false
	for i := range s.facts {
		f := &s.facts[i]
		if f.s[sReview] != review || f.kind.topic() != event.Reviews {
			continue
		}
		since(&o.first, f.time)
		if told == 0 {
			told = f.s[sSource]
		}
		if f.kind.version() {
			for n, v := range f.s {
				if v != 0 {
					o.stated[n] = v
				}
			}
			if f.f[fReach] != 0 {
				o.reach = f.f[fReach]
			}
			if stars := Stars(f.f[fRating], f.f[fRatingMin], f.f[fRatingMax]); stars != 0 {
				if SentimentOf(stars) == table.Negative {
					since(&o.negative, f.time)
					if o.resolved != 0 && (o.stars == 0 || stars <= o.stars) {
						o.reopened, o.again = f.time, 0
					}
				}
				o.rating, o.ratingMax, o.stars = f.f[fRating], f.f[fRatingMax], stars
				if o.ratingMax == 0 {
					o.ratingMax = 5
				}
			}
		}
		switch f.kind {
		case posted, mention:
			if o.posted == 0 {
				o.posted, o.source = f.time, f.s[sSource]
			}
			isReview = isReview || f.kind == posted
			o.mention = o.mention || f.kind == mention
		case edited:
			o.edited = f.time
		case removed:
			since(&o.removed, f.time)
		case answered:
			since(&o.answered, f.time)
		case contactPromised:
			if o.promised == 0 {
				o.promised, o.due = f.time, f.t[tDue]
			}
		case resolved:
			if o.resolved == 0 {
				o.resolved, o.resolution = f.time, f.s[sKind]
			}
			if o.reopened != 0 {
				since(&o.again, f.time)
			}
		}
		if o.promised != 0 && (f.kind == answered || f.kind == resolved) {
			since(&o.contacted, f.time)
		}
	}
	o.mention = o.mention && !isReview
	if o.source == 0 {
		o.source = told
	}
	return o
}

// month is the first of the month of posted, while that is not known of the earliest event; 0 if there is none.
func (o *opinion) month() event.Time {
	if o.posted != 0 {
		return monthOf(o.posted)
	}
	return monthOf(o.first)
}

// reviewRow is the row of reviews. It has no revision yet.
func (s *state) reviewRow(review uint32, v verdict) table.Review {
	o := s.opinion(review)
	say := func(field int) string { return s.str(o.stated[field]) }
	r := table.Review{Month: o.month(), Order: s.id, Review: event.ReviewID(s.str(review)), Kind: "review",
		Customer: event.CustomerID(say(sCustomer)), Source: event.Source(s.str(o.source)), Author: say(sAuthor),
		Posted: o.posted, Edited: o.edited, Removed: o.removed, Rating: o.rating, RatingMax: o.ratingMax, Stars: o.stars,
		Sentiment: SentimentOf(o.stars), Title: say(sTitle), Text: say(sText), Language: say(sLanguage), Reach: o.reach,
		Complained: o.negative, Answered: o.answered, ContactPromised: o.promised, ContactDue: o.due, Contacted: o.contacted,
		Resolved: o.resolved, Resolution: s.str(o.resolution), Reopened: o.reopened, ResolvedAgain: o.again,
		Promise: v.promise, DaysLate: v.daysLate, Delivered: v.delivered, Carrier: s.str(v.carrier), Warehouse: s.str(v.warehouse),
		Country: s.str(v.country), Region: s.str(v.region), Returned: v.returned, Verified: v.verified}
	if o.mention {
		r.Kind = "mention"
	}
	if n := o.stated[sSubjects]; n != 0 {
		r.Subjects = unpackSubjects(s.str(n))
	}
	return r
}

// addOpinions tells a journey what was said about it. Opinions of one time are in order of their ids.
func (s *state) addOpinions(r *table.Journey) {
	var latest, opened struct {
		at event.Time
		id string
	}
	var named event.Time // when the customer was, by an opinion
	customer := r.Customer
	for _, t := range s.opinions {
		o := s.opinion(t.review)
		id := s.str(t.review)
		if o.posted != 0 && (r.Reviewed == 0 || o.posted < r.Reviewed) {
			r.Reviewed = o.posted
		}
		if c := o.stated[sCustomer]; customer == "" && c != 0 && (r.Customer == "" || o.first < named ||
			o.first == named && s.str(c) < string(r.Customer)) {
			r.Customer, named = event.CustomerID(s.str(c)), o.first
		}
		if o.removed != 0 {
			continue
		}
		if o.posted != 0 {
			r.Reviews++
			if o.stars != 0 && (latest.at < o.posted || latest.at == o.posted && latest.id < id) {
				latest.at, latest.id = o.posted, id
				r.Stars = o.stars
			}
		}
		if o.negative != 0 && (opened.at == 0 || o.negative < opened.at || o.negative == opened.at && id < opened.id) {
			opened.at, opened.id = o.negative, id
			r.CaseOpened, r.CaseAnswered, r.CasePromised, r.CaseContactDue = o.negative, o.answered, o.promised, o.due
			r.CaseContacted, r.CaseResolved, r.CaseResolution = o.contacted, o.resolved, s.str(o.resolution)
			r.CaseReopened, r.CaseResolvedAgain = o.reopened, o.again
		}
	}
	if r.CaseResolved != 0 {
		s.addComplaints(r, opened.id)
	}
}

// addComplaints tells a resolved case of the complaints that came after it in other opinions.
func (s *state) addComplaints(r *table.Journey, opened string) {
	for _, t := range s.opinions {
		if s.str(t.review) == opened {
			continue
		}
		o := s.opinion(t.review)
		if o.removed != 0 || o.negative <= r.CaseResolved {
			continue
		}
		again := o.resolved
		if again < o.negative {
			again = 0
		}
		switch {
		case o.negative > r.CaseReopened:
			r.CaseReopened, r.CaseResolvedAgain = o.negative, again
		case o.negative == r.CaseReopened && again == 0:
			r.CaseResolvedAgain = 0 // one of them is open
		case o.negative == r.CaseReopened && r.CaseResolvedAgain != 0:
			r.CaseResolvedAgain = max(r.CaseResolvedAgain, again)
		}
	}
}
