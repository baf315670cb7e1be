// segmentio/kafka-go.
package main

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/segmentio/kafka-go"
	. "report"
)

func limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), Patience)
}

func client() *kafka.Client {
	return &kafka.Client{Addr: kafka.TCP(Servers), Timeout: 15 * time.Second}
}

// byHeader chooses the partition that a record names, because a Writer has no other way.
type explicit struct{ partition map[string]int }

func (e explicit) Balance(m kafka.Message, _ ...int) int { return e.partition[string(m.Value)] }

func send(topic string, records []Record, codec kafka.Compression) error {
	balancer := explicit{map[string]int{}}
	var all []kafka.Message
	for _, r := range records {
		m := kafka.Message{Value: []byte(r.Value)}
		if r.Key != "" {
			m.Key = []byte(r.Key)
		}
		for _, h := range r.Headers {
			m.Headers = append(m.Headers, kafka.Header{Key: h[0], Value: []byte(h[1])})
		}
		if r.Timestamp != 0 {
			m.Time = time.UnixMilli(r.Timestamp)
		}
		balancer.partition[r.Value] = int(r.Partition)
		all = append(all, m)
	}
	w := &kafka.Writer{Addr: kafka.TCP(Servers), Topic: topic, Balancer: balancer, BatchTimeout: 20 * time.Millisecond,
		RequiredAcks: kafka.RequireAll, Compression: codec, MaxAttempts: 3}
	defer w.Close()
	ctx, cancel := limited()
	defer cancel()
	err := w.WriteMessages(ctx, all...)
	var several kafka.WriteErrors
	if errors.As(err, &several) {
		for _, one := range several {
			if one != nil {
				return one
			}
		}
	}
	return err
}

// readAll reads a topic from the start to the end that it has now.
func readAll(topic string, partitions int) ([]kafka.Message, error) {
	ctx, cancel := limited()
	defer cancel()
	var found []kafka.Message
	for p := 0; p < partitions; p++ {
		connection, err := kafka.DialLeader(ctx, "tcp", Servers, topic, p)
		if err != nil {
			return nil, err
		}
		end, err := connection.ReadLastOffset()
		connection.Close()
		if err != nil {
			return nil, err
		}
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{Servers}, Topic: topic, Partition: p, MaxBytes: 10e6,
			MaxWait: 500 * time.Millisecond})
		for at := int64(0); at < end; {
			m, err := r.ReadMessage(ctx)
			if err != nil {
				r.Close()
				return found, err
			}
			found = append(found, m)
			at = m.Offset + 1
		}
		r.Close()
	}
	return found, nil
}

func produce() error {
	codecs := map[string]kafka.Compression{"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd}
	for _, codec := range Codecs {
		Do(codec, func() error { return send(Prefix+"-produce", Records(codec), codecs[codec]) })
	}
	return nil
}

func consume() error {
	Step("records", func() (any, error) {
		found, err := readAll(Prefix+"-produce", 1)
		var seen []any
		for _, m := range found {
			var headers [][2]string
			for _, h := range m.Headers {
				headers = append(headers, [2]string{h.Key, string(h.Value)})
			}
			seen = append(seen, Seen(m.Offset, m.Key, m.Value, headers))
		}
		return seen, err
	})
	return nil
}

func reader(topic, group string) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{Brokers: []string{Servers}, GroupID: group, Topic: topic, MaxBytes: 10e6,
		MaxWait: 500 * time.Millisecond, StartOffset: kafka.FirstOffset, HeartbeatInterval: 500 * time.Millisecond,
		SessionTimeout: 10 * time.Second, JoinGroupBackoff: 500 * time.Millisecond})
}

func group() error {
	topic := Prefix + "-group"
	read := func(count int) (any, error) {
		r := reader(topic, topic)
		defer r.Close()
		ctx, cancel := limited()
		defer cancel()
		var found []string
		for len(found) < count {
			m, err := r.FetchMessage(ctx)
			if err != nil {
				return found, err
			}
			found = append(found, string(m.Value))
			if err := r.CommitMessages(ctx, m); err != nil {
				return found, err
			}
		}
		sort.Strings(found)
		return found, nil
	}
	Do("send", func() error { return send(topic, Numbered(0, 6), 0) })
	Step("first", func() (any, error) { return read(6) })
	Do("send-more", func() error { return send(topic, Numbered(6, 10), 0) })
	Step("resumed", func() (any, error) { return read(4) })
	return nil
}

// share watches the members' generations, because a Reader does not show its partitions.
func share() error {
	topic, name := Prefix+"-share", Prefix+"-share"
	type member struct {
		group *kafka.ConsumerGroup
		sizes chan int
		stop  context.CancelFunc
	}
	join := func() (*member, error) {
		g, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{ID: name, Brokers: []string{Servers}, Topics: []string{topic},
			HeartbeatInterval: 500 * time.Millisecond, SessionTimeout: 10 * time.Second, JoinGroupBackoff: 500 * time.Millisecond,
			StartOffset: kafka.FirstOffset})
		if err != nil {
			return nil, err
		}
		m := &member{group: g, sizes: make(chan int, 100)}
		var ctx context.Context
		ctx, m.stop = context.WithCancel(context.Background())
		go func() {
			for {
				generation, err := g.Next(ctx)
				if ctx.Err() != nil || errors.Is(err, kafka.ErrGroupClosed) {
					return
				}
				if err == nil {
					m.sizes <- len(generation.Assignments[topic])
					generation.Start(func(ctx context.Context) { <-ctx.Done() })
				}
			}
		}()
		return m, nil
	}
	wait := func(m *member, size int) error {
		deadline := time.After(Patience)
		for {
			select {
			case got := <-m.sizes:
				if got == size {
					return nil
				}
			case <-deadline:
				return fmt.Errorf("%d partitions not in time", size)
			}
		}
	}
	Step("shared", func() (any, error) {
		first, err := join()
		if err != nil {
			return nil, err
		}
		if err := wait(first, 4); err != nil {
			return nil, err
		}
		second, err := join()
		if err != nil {
			return nil, err
		}
		if err := errors.Join(wait(second, 2), wait(first, 2)); err != nil {
			return nil, err
		}
		first.stop()
		first.group.Close()
		err = wait(second, 4)
		second.stop()
		second.group.Close()
		return []any{4, []int{2, 2}, 4}, err
	})
	return nil
}

func times() error {
	topic := Prefix + "-time"
	Do("send", func() error { return send(topic, Timed(0, 3), 0) })
	Do("send-more", func() error { return send(topic, Timed(3, 6), 0) })
	ctx, cancel := limited()
	defer cancel()
	for _, moment := range []int64{0, 1_000_000, 1_000_500, 1_004_000, 1_005_001} {
		Step(fmt.Sprint(moment), func() (any, error) {
			connection, err := kafka.DialLeader(ctx, "tcp", Servers, topic, 0)
			if err != nil {
				return nil, err
			}
			defer connection.Close()
			return connection.ReadOffset(time.UnixMilli(moment))
		})
	}
	Step("first-last", func() (any, error) {
		found, err := client().ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
			topic: {kafka.FirstOffsetOf(0), kafka.LastOffsetOf(0)}}})
		if err != nil {
			return nil, err
		}
		one := found.Topics[topic][0]
		return []int64{one.FirstOffset, one.LastOffset}, one.Error
	})
	return nil
}

func topics() error {
	topic := Prefix + "-topics"
	c := client()
	ctx, cancel := context.WithTimeout(context.Background(), 2*Patience)
	defer cancel()
	first := func(errs map[string]error) error {
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	}
	create := func(name string, partitions, replicas int) error {
		found, err := c.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: name,
			NumPartitions: partitions, ReplicationFactor: replicas,
			ConfigEntries: []kafka.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: "3600000"}}}}})
		if err != nil {
			return err
		}
		return first(found.Errors)
	}
	metadata := func() (*kafka.MetadataResponse, error) {
		return c.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	}
	retention := func() (any, error) {
		found, err := c.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: []string{"retention.ms"}}}})
		if err != nil {
			return nil, err
		}
		var all []string
		for _, e := range found.Resources[0].ConfigEntries {
			all = append(all, fmt.Sprint(e.ConfigName, "=", e.ConfigValue, " ", e.ConfigSource))
		}
		return all, found.Resources[0].Error
	}
	partitions := func(count int32) error {
		found, err := c.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{
			Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: count}}})
		if err != nil {
			return err
		}
		return first(found.Errors)
	}
	remove := func() error {
		found, err := c.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
		if err != nil {
			return err
		}
		return first(found.Errors)
	}
	Do("create", func() error { return create(topic, 2, 1) })
	Do("listed", func() error {
		return Until("the topic", func() (bool, error) {
			found, err := metadata()
			return err == nil && len(found.Topics) == 1 && found.Topics[0].Error == nil, err
		})
	})
	Do("create-again!", func() error { return create(topic, 2, 1) })
	Do("create-replicated!", func() error { return create(topic+"-r", 2, 3) })
	Step("describe", func() (any, error) {
		found, err := metadata()
		if err != nil {
			return nil, err
		}
		return []any{len(found.Topics[0].Partitions), found.Topics[0].Partitions[0].Leader.ID}, nil
	})
	Step("config", retention)
	Do("alter", func() error {
		found, err := c.IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{
			Resources: []kafka.IncrementalAlterConfigsRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
				Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: "retention.ms", Value: "7200000",
					ConfigOperation: kafka.ConfigOperationSet}}}}})
		if err != nil {
			return err
		}
		return found.Resources[0].Error
	})
	Step("config-altered", retention)
	Do("partitions", func() error { return partitions(4) })
	Do("partitions-fewer!", func() error { return partitions(1) })
	Do("delete", remove)
	Do("delete-again!", remove)
	return nil
}

func groups() error {
	topic, name := Prefix+"-group", Prefix+"-groups"
	c := client()
	ctx, cancel := context.WithTimeout(context.Background(), 2*Patience)
	defer cancel()
	commit := func(offset int64) error {
		found, err := c.OffsetCommit(ctx, &kafka.OffsetCommitRequest{GroupID: name, GenerationID: -1,
			Topics: map[string][]kafka.OffsetCommit{topic: {{Partition: 0, Offset: offset}}}})
		if err != nil {
			return err
		}
		return found.Topics[topic][0].Error
	}
	offsets := func() (any, error) {
		found, err := c.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: name, Topics: map[string][]int{topic: {0, 1}}})
		if err != nil {
			return nil, err
		}
		var all []int64
		for _, one := range found.Topics[topic] {
			all = append(all, one.CommittedOffset)
		}
		return all, found.Error
	}
	remove := func() error {
		found, err := c.DeleteGroups(ctx, &kafka.DeleteGroupsRequest{GroupIDs: []string{name}})
		if err != nil {
			return err
		}
		return found.Errors[name]
	}
	Do("commit", func() error { return commit(2) })
	Step("list", func() (any, error) {
		found, err := c.ListGroups(ctx, &kafka.ListGroupsRequest{})
		if err != nil {
			return nil, err
		}
		for _, g := range found.Groups {
			if g.GroupID == name {
				return true, found.Error
			}
		}
		return false, found.Error
	})
	Step("describe", func() (any, error) {
		found, err := c.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{name}})
		if err != nil {
			return nil, err
		}
		return []any{found.Groups[0].GroupState, len(found.Groups[0].Members)}, found.Groups[0].Error
	})
	Step("offsets", offsets)
	Do("reset", func() error { return commit(1) })
	Step("offsets-reset", offsets)
	Do("delete", remove)
	Do("delete-again!", remove)
	return nil
}

// transactions uses the client's requests: kafka-go has no transactional producer.
func transactions() error {
	c := client()
	ctx, cancel := limited()
	defer cancel()
	id, topic := Prefix+"-id", Prefix+"-transactions"
	var producer *kafka.ProducerSession
	Do("init", func() error {
		found, err := c.InitProducerID(ctx, &kafka.InitProducerIDRequest{TransactionalID: id, TransactionTimeoutMs: 20000})
		if err != nil {
			return err
		}
		producer = found.Producer
		return found.Error
	})
	if producer == nil {
		return nil
	}
	Do("add-partitions", func() error {
		found, err := c.AddPartitionsToTxn(ctx, &kafka.AddPartitionsToTxnRequest{TransactionalID: id,
			ProducerID: producer.ProducerID, ProducerEpoch: producer.ProducerEpoch,
			Topics: map[string][]kafka.AddPartitionToTxn{topic: {{Partition: 0}}}})
		if err != nil {
			return err
		}
		return found.Topics[topic][0].Error
	})
	Do("add-offsets", func() error {
		found, err := c.AddOffsetsToTxn(ctx, &kafka.AddOffsetsToTxnRequest{TransactionalID: id, ProducerID: producer.ProducerID,
			ProducerEpoch: producer.ProducerEpoch, GroupID: topic})
		if err != nil {
			return err
		}
		return found.Error
	})
	Do("end", func() error {
		found, err := c.EndTxn(ctx, &kafka.EndTxnRequest{TransactionalID: id, ProducerID: producer.ProducerID,
			ProducerEpoch: producer.ProducerEpoch, Committed: true})
		if err != nil {
			return err
		}
		return found.Error
	})
	return nil
}

func bulk() error {
	topic := Prefix + "-bulk"
	Do("send", func() error { return send(topic, Bulk(), 0) })
	Step("read", func() (any, error) { found, err := readAll(topic, 2); return len(found), err })
	return nil
}

func main() {
	ErrorName = func(err error) string {
		var code kafka.Error
		if errors.As(err, &code) {
			return code.Title()
		}
		return fmt.Sprintf("%T", err)
	}
	Run(map[string]func() error{"produce": produce, "consume": consume, "group": group, "share": share, "time": times,
		"topics": topics, "groups": groups, "transactions": transactions, "bulk": bulk})
}
