// sarama, in two versions: old.mod names the old one, which is built with the tag `old`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"sort"
	"sync"
	"time"

	"github.com/IBM/sarama"
	. "report"
)

func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = version
	c.Producer.Return.Successes = true
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Producer.Retry.Max = 3
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Group.Heartbeat.Interval = 500 * time.Millisecond
	c.Consumer.MaxWaitTime = 250 * time.Millisecond
	c.Consumer.Return.Errors = true
	c.Consumer.Offsets.Retention = retention
	c.Metadata.Retry.Max = 3
	return c
}

func sendWith(p sarama.SyncProducer, topic string, records []Record) ([]int64, error) {
	var all []*sarama.ProducerMessage
	for _, r := range records {
		m := &sarama.ProducerMessage{Topic: topic, Partition: r.Partition, Value: sarama.StringEncoder(r.Value)}
		if r.Key != "" {
			m.Key = sarama.StringEncoder(r.Key)
		}
		for _, h := range r.Headers {
			m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h[0]), Value: []byte(h[1])})
		}
		if r.Timestamp != 0 {
			m.Timestamp = time.UnixMilli(r.Timestamp)
		}
		all = append(all, m)
	}
	if err := p.SendMessages(all); err != nil {
		var several sarama.ProducerErrors
		if errors.As(err, &several) && len(several) > 0 {
			return nil, several[0].Err
		}
		return nil, err
	}
	var offsets []int64
	for _, m := range all {
		offsets = append(offsets, m.Offset)
	}
	return offsets, nil
}

func send(topic string, records []Record, change func(*sarama.Config)) ([]int64, error) {
	c := config()
	if change != nil {
		change(c)
	}
	p, err := sarama.NewSyncProducer([]string{Servers}, c)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	return sendWith(p, topic, records)
}

// readAll reads a topic from the start to the end that it has now. The end counts control records, which sarama does not
// return, so the last record of a transactional topic is the one before three seconds of silence.
func readAll(topic string, partitions int32, transactional bool, change func(*sarama.Config)) ([]*sarama.ConsumerMessage, error) {
	c := config()
	if change != nil {
		change(c)
	}
	client, err := sarama.NewClient([]string{Servers}, c)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return nil, err
	}
	var found []*sarama.ConsumerMessage
	deadline := time.After(Patience)
	for p := int32(0); p < partitions; p++ {
		end, err := client.GetOffset(topic, p, sarama.OffsetNewest)
		if err != nil {
			return nil, err
		}
		reader, err := consumer.ConsumePartition(topic, p, sarama.OffsetOldest)
		if err != nil {
			return nil, err
		}
		defer reader.Close()
		for at := int64(0); at < end; {
			silence := time.After(time.Hour)
			if transactional && at > 0 {
				silence = time.After(3 * time.Second)
			}
			select {
			case m := <-reader.Messages():
				found = append(found, m)
				at = m.Offset + 1
			case err := <-reader.Errors():
				return nil, err.Err
			case <-silence:
				at = end
			case <-deadline:
				return found, errors.New("end of the topic not in time")
			}
		}
	}
	return found, nil
}

func produce() error {
	codecs := map[string]sarama.CompressionCodec{"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP,
		"snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD}
	for _, codec := range Codecs {
		Step(codec, func() (any, error) {
			return send(Prefix+"-produce", Records(codec), func(c *sarama.Config) { c.Producer.Compression = codecs[codec] })
		})
	}
	return nil
}

func idempotent() error {
	Step("send", func() (any, error) {
		c := config()
		c.Producer.Idempotent = true
		c.Producer.RequiredAcks = sarama.WaitForAll
		c.Net.MaxOpenRequests = 1
		p, err := sarama.NewSyncProducer([]string{Servers}, c)
		if err != nil {
			return nil, err
		}
		defer p.Close()
		first, err := sendWith(p, Prefix+"-idempotent", Values("a", "b"))
		if err != nil {
			return nil, err
		}
		second, err := sendWith(p, Prefix+"-idempotent", Values("c"))
		return append(first, second...), err
	})
	return nil
}

func consume() error {
	Step("records", func() (any, error) {
		found, err := readAll(Prefix+"-produce", 1, false, nil)
		var seen []any
		for _, m := range found {
			var headers [][2]string
			for _, h := range m.Headers {
				headers = append(headers, [2]string{string(h.Key), string(h.Value)})
			}
			seen = append(seen, Seen(m.Offset, m.Key, m.Value, headers))
		}
		return seen, err
	})
	return nil
}

// member consumes in a goroutine.
type member struct {
	group    sarama.ConsumerGroup
	cancel   context.CancelFunc
	done     chan struct{}
	mutex    sync.Mutex
	assigned int
	values   []string
	err      error
}

func join(group, topic string, change func(*sarama.Config)) (*member, error) {
	c := config()
	if change != nil {
		change(c)
	}
	g, err := sarama.NewConsumerGroup([]string{Servers}, group, c)
	if err != nil {
		return nil, err
	}
	m := &member{group: g, done: make(chan struct{})}
	var ctx context.Context
	ctx, m.cancel = context.WithCancel(context.Background())
	go func() {
		for err := range g.Errors() {
			m.mutex.Lock()
			m.err = err
			m.mutex.Unlock()
		}
	}()
	go func() {
		defer close(m.done)
		for ctx.Err() == nil {
			if err := g.Consume(ctx, []string{topic}, m); err != nil && ctx.Err() == nil {
				m.mutex.Lock()
				m.err = err
				m.mutex.Unlock()
				return
			}
		}
	}()
	return m, nil
}

func (m *member) Setup(s sarama.ConsumerGroupSession) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.assigned = 0
	for _, partitions := range s.Claims() {
		m.assigned += len(partitions)
	}
	return nil
}

func (m *member) Cleanup(sarama.ConsumerGroupSession) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.assigned = 0
	return nil
}

func (m *member) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			m.mutex.Lock()
			m.values = append(m.values, string(message.Value))
			m.mutex.Unlock()
			s.MarkMessage(message, "")
		case <-s.Context().Done():
			return nil
		}
	}
}

// Size returns the number of the member's partitions.
func (m *member) Size() (int, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.assigned, m.err
}

func (m *member) read() ([]string, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return append([]string(nil), m.values...), m.err
}

func (m *member) leave() {
	m.cancel()
	<-m.done
	m.group.Close()
}

func group() error {
	topic := Prefix + "-group"
	read := func(count int) (any, error) {
		m, err := join(topic, topic, nil)
		if err != nil {
			return nil, err
		}
		err = Until("records", func() (bool, error) { v, err := m.read(); return len(v) >= count, err })
		m.leave()
		values, _ := m.read()
		sort.Strings(values)
		return values, err
	}
	Step("send", func() (any, error) { o, err := send(topic, Numbered(0, 6), nil); return len(o), err })
	Step("first", func() (any, error) { return read(6) })
	Step("send-more", func() (any, error) { o, err := send(topic, Numbered(6, 10), nil); return len(o), err })
	Step("resumed", func() (any, error) { return read(4) })
	return nil
}

func share() error {
	Step("range", func() (any, error) {
		topic := Prefix + "-share"
		first, err := join(topic, topic, nil)
		if err != nil {
			return nil, err
		}
		if err := Sizes("all partitions", []int{4}, first); err != nil {
			first.leave()
			return nil, err
		}
		second, err := join(topic, topic, nil)
		if err != nil {
			return nil, err
		}
		defer second.leave()
		err = Sizes("two each", []int{2, 2}, first, second)
		first.leave()
		if err != nil {
			return nil, err
		}
		return []any{4, []int{2, 2}, 4}, Sizes("all after one left", []int{4}, second)
	})
	return nil
}

func times() error {
	topic := Prefix + "-time"
	Step("send", func() (any, error) { return send(topic, Timed(0, 3), nil) })
	Step("send-more", func() (any, error) { return send(topic, Timed(3, 6), nil) })
	client, err := sarama.NewClient([]string{Servers}, config())
	if err != nil {
		return err
	}
	defer client.Close()
	for _, moment := range []int64{0, 1_000_000, 1_000_500, 1_004_000, 1_005_001, sarama.OffsetOldest, sarama.OffsetNewest} {
		Step(fmt.Sprint(moment), func() (any, error) { return client.GetOffset(topic, 0, moment) })
	}
	return nil
}

func topics() error {
	topic := Prefix + "-topics"
	admin, err := sarama.NewClusterAdmin([]string{Servers}, config())
	if err != nil {
		return err
	}
	defer admin.Close()
	text := func(s string) *string { return &s }
	create := func(name string, partitions int32, replicas int16) error {
		return admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: replicas,
			ConfigEntries: map[string]*string{"retention.ms": text("3600000")}}, false)
	}
	retention := func() (any, error) {
		found, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic,
			ConfigNames: []string{"retention.ms"}})
		var all []string
		for _, c := range found {
			all = append(all, c.Name+"="+c.Value)
		}
		return all, err
	}
	Do("create", func() error { return create(topic, 2, 1) })
	Do("listed", func() error {
		return Until("the topic", func() (bool, error) {
			found, err := admin.ListTopics()
			_, there := found[topic]
			return there, err
		})
	})
	Do("create-again!", func() error { return create(topic, 2, 1) })
	Do("create-replicated!", func() error { return create(topic+"-r", 2, 3) })
	Step("describe", func() (any, error) {
		found, err := admin.DescribeTopics([]string{topic})
		if err != nil {
			return nil, err
		}
		return []any{len(found[0].Partitions), found[0].Partitions[0].Leader}, nil
	})
	Step("config", retention)
	Do("alter", func() error {
		return admin.AlterConfig(sarama.TopicResource, topic, map[string]*string{"retention.ms": text("7200000")}, false)
	})
	Step("config-altered", retention)
	Do("partitions", func() error { return admin.CreatePartitions(topic, 4, nil, false) })
	Do("partitions-fewer!", func() error { return admin.CreatePartitions(topic, 1, nil, false) })
	Step("send", func() (any, error) { return send(topic, Values("a", "b", "c", "d"), nil) })
	Do("delete-records", func() error { return admin.DeleteRecords(topic, map[int32]int64{0: 3}) })
	Do("delete-records-beyond!", func() error { return admin.DeleteRecords(topic, map[int32]int64{0: 99}) })
	moreTopics(admin, topic)
	Do("delete", func() error { return admin.DeleteTopic(topic) })
	Do("delete-again!", func() error { return admin.DeleteTopic(topic) })
	return nil
}

func groups() error {
	topic, group := Prefix+"-group", Prefix+"-groups"
	client, err := sarama.NewClient([]string{Servers}, config())
	if err != nil {
		return err
	}
	defer client.Close()
	admin, err := sarama.NewClusterAdmin([]string{Servers}, config())
	if err != nil {
		return err
	}
	defer admin.Close()
	commit := func(at int64, reset bool) error {
		offsets, err := sarama.NewOffsetManagerFromClient(group, client)
		if err != nil {
			return err
		}
		partition, err := offsets.ManagePartition(topic, 0)
		if err != nil {
			return err
		}
		if reset {
			partition.ResetOffset(at, "")
		} else {
			partition.MarkOffset(at, "")
		}
		partition.Close()
		return offsets.Close()
	}
	listed := func() (any, error) {
		found, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0, 1}})
		if err != nil {
			return nil, err
		}
		if found.Err != sarama.ErrNoError {
			return nil, found.Err
		}
		return []int64{found.GetBlock(topic, 0).Offset, found.GetBlock(topic, 1).Offset}, nil
	}
	Do("commit", func() error { return commit(2, false) })
	Step("list", func() (any, error) {
		found, err := admin.ListConsumerGroups()
		_, there := found[group]
		return there, err
	})
	Step("describe", func() (any, error) {
		found, err := admin.DescribeConsumerGroups([]string{group})
		if err != nil {
			return nil, err
		}
		return []any{found[0].State, found[0].ProtocolType, len(found[0].Members), found[0].Err.Error()}, nil
	})
	Step("offsets", listed)
	Do("reset", func() error { return commit(1, true) })
	Step("offsets-reset", listed)
	moreGroups(admin, group, topic)
	return nil
}

func bulk() error {
	topic := Prefix + "-bulk"
	Step("send", func() (any, error) { o, err := send(topic, Bulk(), nil); return len(o), err })
	Step("read", func() (any, error) { r, err := readAll(topic, 2, false, nil); return len(r), err })
	return nil
}

func main() {
	sarama.Logger = log.New(io.Discard, "", 0)
	ErrorName = func(err error) string {
		var code sarama.KError
		if errors.As(err, &code) {
			return fmt.Sprintf("error %d", int16(code))
		}
		var topic *sarama.TopicError
		if errors.As(err, &topic) {
			return fmt.Sprintf("error %d", int16(topic.Err))
		}
		// Whether a write or a read finds the connection closed is a matter of time.
		var network *net.OpError
		if errors.Is(err, io.EOF) || errors.As(err, &network) {
			return "connection closed"
		}
		return fmt.Sprintf("%T", err)
	}
	Run(map[string]func() error{"produce": produce, "idempotent": idempotent, "consume": consume, "group": group,
		"share": share, "static": static, "time": times, "topics": topics, "groups": groups,
		"transactions": transactions, "bulk": bulk})
}
