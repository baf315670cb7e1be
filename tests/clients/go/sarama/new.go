//go:build !old

package main

import (
	"fmt"

	"github.com/IBM/sarama"
	. "report"
)

var version = sarama.MaxVersion

// 0 is that of the broker.
const retention = 0

func static() error {
	topic := Prefix + "-static"
	instance := func(c *sarama.Config) { c.Consumer.Group.InstanceId = "one" }
	Step("rejoin", func() (any, error) {
		var found []int
		for i := 0; i < 2; i++ {
			m, err := join(topic, topic, instance)
			if err != nil {
				return nil, err
			}
			err = Sizes("assignment", []int{2}, m)
			m.leave()
			if err != nil {
				return nil, err
			}
			found = append(found, 2)
		}
		return found, nil
	})
	return nil
}

func moreTopics(admin sarama.ClusterAdmin, topic string) {
	value := "1800000"
	Do("alter-incremental", func() error {
		return admin.IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{
			"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}}, false)
	})
	Step("cluster", func() (any, error) {
		brokers, controller, err := admin.DescribeCluster()
		return []any{len(brokers), controller}, err
	})
	Step("log-dirs", func() (any, error) {
		found, err := admin.DescribeLogDirs([]int32{1})
		if err != nil {
			return nil, err
		}
		return []any{len(found[1]), found[1][0].ErrorCode.Error()}, nil
	})
}

func moreGroups(admin sarama.ClusterAdmin, group, topic string) {
	Do("delete-offset", func() error { return admin.DeleteConsumerGroupOffset(group, topic, 0) })
	Do("delete", func() error { return admin.DeleteConsumerGroup(group) })
	Do("delete-again!", func() error { return admin.DeleteConsumerGroup(group) })
}

func transactions() error {
	topic := Prefix + "-transactions"
	settings := func(c *sarama.Config) {
		c.Producer.Idempotent = true
		c.Producer.RequiredAcks = sarama.WaitForAll
		c.Producer.Transaction.ID = Prefix + "-id"
		c.Net.MaxOpenRequests = 1
	}
	start := func() (sarama.SyncProducer, error) {
		c := config()
		settings(c)
		return sarama.NewSyncProducer([]string{Servers}, c)
	}
	var p sarama.SyncProducer
	Do("init", func() (err error) { p, err = start(); return })
	if p == nil {
		return fmt.Errorf("no producer")
	}
	defer p.Close()
	write := func(value string, end func() error) error {
		if err := p.BeginTxn(); err != nil {
			return err
		}
		if _, err := sendWith(p, topic, Values(value)); err != nil {
			return err
		}
		return end()
	}
	read := func(level sarama.IsolationLevel) (any, error) {
		found, err := readAll(topic, 1, true, func(c *sarama.Config) { c.Consumer.IsolationLevel = level })
		var values []string
		for _, m := range found {
			values = append(values, string(m.Value))
		}
		return values, err
	}
	Do("commit", func() error { return write("committed", p.CommitTxn) })
	Do("abort", func() error { return write("aborted", p.AbortTxn) })
	Do("commit-again", func() error { return write("again", p.CommitTxn) })
	Step("read-committed", func() (any, error) { return read(sarama.ReadCommitted) })
	Step("read-uncommitted", func() (any, error) { return read(sarama.ReadUncommitted) })
	Step("offsets", func() (any, error) {
		group := Prefix + "-transactions"
		if err := p.BeginTxn(); err != nil {
			return nil, err
		}
		offsets := map[string][]*sarama.PartitionOffsetMetadata{topic: {{Partition: 0, Offset: 3}}}
		if err := p.AddOffsetsToTxn(offsets, group); err != nil {
			return nil, err
		}
		if err := p.CommitTxn(); err != nil {
			return nil, err
		}
		admin, err := sarama.NewClusterAdmin([]string{Servers}, config())
		if err != nil {
			return nil, err
		}
		defer admin.Close()
		// The client does not ask for stable offsets, and Apache Kafka ends the transaction after its answer.
		offset := int64(-1)
		err = Until("the offset", func() (bool, error) {
			found, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0}})
			if err == nil {
				offset = found.GetBlock(topic, 0).Offset
			}
			return offset >= 0, err
		})
		return offset, err
	})
	Do("fenced!", func() error {
		if err := p.BeginTxn(); err != nil {
			return err
		}
		if _, err := sendWith(p, topic, Values("fenced")); err != nil {
			return err
		}
		second, err := start()
		if err != nil {
			return err
		}
		defer second.Close()
		return p.CommitTxn()
	})
	Step("read-at-end", func() (any, error) { return read(sarama.ReadCommitted) })
	return nil
}
