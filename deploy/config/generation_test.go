package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/afterclick/afterclick/deploy/config"
)

// The settings of a generation are a text that gives the same settings again, and says where another configuration differs.
func TestSettingsOfAGeneration(t *testing.T) {
	c, err := config.Load("", nil, []string{"session.gap=10m", "session.by=tracker", "horizon.journey=500d", "keyed_by=visitor"})
	if err != nil {
		t.Fatal(err)
	}
	made := c.Settings()
	if c.Differ(made) != nil || c.Differ("") != nil {
		t.Errorf("it differs from itself: %q %q", c.Differ(made), c.Differ(""))
	}
	usual := config.Default()
	differ := strings.Join(usual.Differ(made), "\n")
	for _, says := range []string{"keyed_by is none, the tables are made with visitor", "session.gap is 30m, the tables are made with 10m",
		"session.by is gap, the tables are made with tracker", "horizon.journey is 400d, the tables are made with 500d"} {
		if !strings.Contains(differ, says) {
			t.Errorf("it does not say %q: %s", says, differ)
		}
	}
	if err := usual.Adopt(made); err != nil || usual.Settings() != made {
		t.Errorf("adopted: %v\n%s", err, usual.Settings())
	}
	other := config.Default()
	if err := other.Adopt(c.Changed()); err != nil || other.Settings() != made {
		t.Errorf("what was changed: %v\n%s", err, other.Settings())
	}
	if err := config.Default().Adopt("session.gap=0s"); err == nil {
		t.Error("a setting that makes no sense was adopted")
	}
	if c.Session.Gap != config.Duration(10*time.Minute) {
		t.Error("reading settings changed them")
	}
}

func TestAt(t *testing.T) {
	c := config.Default()
	if at := c.At(1); at.ClickHouse.Database != "afterclick" || at.Kafka.Prefix != "afterclick" || at.Generation != 1 {
		t.Errorf("the first: %+v", at)
	}
	at := c.At(3)
	e, err := at.Engine()
	if err != nil || at.ClickHouse.Database != "afterclick_g3" || e.Prefix != "afterclick.g3" || e.Topics.Clicks != "afterclick.g3.clicks" || e.Generation != 3 {
		t.Errorf("the third: %+v, %v", e, err)
	}
	if c.Kafka.Prefix != "afterclick" {
		t.Error("it changed what it was made from")
	}
}
