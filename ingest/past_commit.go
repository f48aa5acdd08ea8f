package ingest

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// commitOffsets adds to the open transaction how far the past was read, as offsets of the group. The client would do that for a member
// that polls; the past is not polled from Kafka, and the group has no members. The transactional id is the fence then.
func (s *pastSource) commitOffsets(ctx context.Context) error {
	id, epoch, err := s.client.ProducerID(ctx)
	if err != nil {
		return err
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = s.name, id, epoch, s.group
	added, err := add.RequestWith(ctx, s.client)
	if err == nil {
		err = kerr.ErrorForCode(added.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("add offsets of group %s to a transaction: %w", s.group, err)
	}
	commit := kmsg.NewPtrTxnOffsetCommitRequest()
	commit.TransactionalID, commit.ProducerID, commit.ProducerEpoch, commit.Group = s.name, id, epoch, s.group
	topics := map[string]*kmsg.TxnOffsetCommitRequestTopic{}
	for _, c := range s.cursors {
		if c.next == c.committed {
			continue
		}
		t := topics[c.Topic]
		if t == nil {
			n := kmsg.NewTxnOffsetCommitRequestTopic()
			n.Topic, n.TopicID = c.Topic, s.topics[c.Topic]
			t = &n
			topics[c.Topic] = t
		}
		p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset = c.Partition, c.next
		t.Partitions = append(t.Partitions, p)
	}
	for _, t := range topics {
		commit.Topics = append(commit.Topics, *t)
	}
	if len(commit.Topics) == 0 {
		return nil
	}
	committed, err := commit.RequestWith(ctx, s.client)
	if err != nil {
		return fmt.Errorf("commit offsets of group %s: %w", s.group, err)
	}
	for _, t := range committed.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("commit the offset of group %s for %s/%d: %w", s.group, t.Topic, p.Partition, err)
			}
		}
	}
	return nil
}
