package send

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/segmentio/encoding/json"

	"github.com/afterclick/afterclick/deploy/feed"
	"github.com/afterclick/afterclick/schemas/event"
)

// Print writes all records as JSON lines, for a look or a pipe:
//
//	{"topic":"orders","key":"o-1000001","time":"2026-03-02T08:10:00.000Z","value":{…}}
//
// Time is the source time. Rate and live traffic are as with Run.
func Print(ctx context.Context, w io.Writer, o Options, records feed.Stream) (Counts, error) {
	topics := o.Topics
	if topics == nil {
		topics = event.Topic.String
	}
	out := bufio.NewWriterSize(w, 64<<10)
	p := o.pacer(ctx, out.Flush)
	counts := Counts{}
	var line []byte
	for r := range records {
		if !p.wait(r.Arrival) {
			break
		}
		line = append(line[:0], `{"topic":`...)
		line = quote(line, topics(r.Topic))
		line = append(line, `,"key":`...)
		line = quote(line, string(r.Key))
		line = append(line, `,"time":"`...)
		line = append(line, r.Arrival.String()...)
		line = append(line, `","value":`...)
		line = append(line, r.Value...)
		line = append(line, "}\n"...)
		if _, err := out.Write(line); err != nil {
			o.Progress.end(false)
			return counts, fmt.Errorf("print: %w", err)
		}
		counts[r.Topic]++
		o.Progress.add(r.Arrival)
	}
	err := out.Flush()
	o.Progress.end(err == nil && p.err == nil)
	if err != nil {
		return counts, fmt.Errorf("print: %w", err)
	}
	return counts, p.verdict(counts)
}

func quote(b []byte, s string) []byte { return json.AppendEscape(b, s, 0) }
