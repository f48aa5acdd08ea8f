package oracle

import "github.com/afterclick/afterclick/schemas/event"

func journey(t *Tables, events []*event.Event, touches map[event.OrderID][]event.Touch) {}
