// franz-go.
package main

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	. "report"
)

func name(err error) string {
	var known *kerr.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return err.Error()
}

func limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), Patience)
}

func client(options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(Servers), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(20 * time.Millisecond), kgo.FetchMaxWait(500 * time.Millisecond), kgo.RetryTimeout(15 * time.Second),
	}, options...)...)
}

// sendWith sends records and returns their offsets.
func sendWith(c *kgo.Client, topic string, records []Record) ([]int64, error) {
	var out []*kgo.Record
	for _, r := range records {
		one := &kgo.Record{Topic: topic, Partition: r.Partition, Value: []byte(r.Value)}
		if r.Key != "" {
			one.Key = []byte(r.Key)
		}
		for _, h := range r.Headers {
			one.Headers = append(one.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
		}
		if r.Timestamp != 0 {
			one.Timestamp = time.UnixMilli(r.Timestamp)
		}
		out = append(out, one)
	}
	ctx, cancel := limited()
	defer cancel()
	if err := c.ProduceSync(ctx, out...).FirstErr(); err != nil {
		return nil, err
	}
	var offsets []int64
	for _, r := range out {
		offsets = append(offsets, r.Offset)
	}
	return offsets, nil
}

func send(topic string, records []Record, options ...kgo.Opt) ([]int64, error) {
	c, err := client(append([]kgo.Opt{kgo.DisableIdempotentWrite()}, options...)...)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return sendWith(c, topic, records)
}

// readAll reads a topic from the start to the end that it has now.
func readAll(topic string, partitions int, options ...kgo.Opt) ([]*kgo.Record, error) {
	assigned := map[string]map[int32]kgo.Offset{topic: {}}
	for p := 0; p < partitions; p++ {
		assigned[topic][int32(p)] = kgo.NewOffset().AtStart()
	}
	c, err := client(append([]kgo.Opt{kgo.ConsumePartitions(assigned), kgo.KeepControlRecords()}, options...)...)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	ctx, cancel := limited()
	defer cancel()
	ends, err := kadm.NewClient(c).ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	var found []*kgo.Record
	at := map[int32]int64{}
	for {
		done := true
		ends.Each(func(o kadm.ListedOffset) { done = done && at[o.Partition] >= o.Offset })
		if done {
			return found, ends.Error()
		}
		fetches := c.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return nil, err
		}
		for _, e := range fetches.Errors() {
			return nil, e.Err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at[r.Partition] = r.Offset + 1
			if !r.Attrs.IsControl() {
				found = append(found, r)
			}
		})
	}
}

func produce() error {
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	for _, codec := range Codecs {
		Step(codec, func() (any, error) {
			return send(Prefix+"-produce", Records(codec), kgo.ProducerBatchCompression(codecs[codec]))
		})
	}
	return nil
}

func idempotent() error {
	Step("send", func() (any, error) {
		c, err := client()
		if err != nil {
			return nil, err
		}
		defer c.Close()
		first, err := sendWith(c, Prefix+"-idempotent", Values("a", "b"))
		if err != nil {
			return nil, err
		}
		second, err := sendWith(c, Prefix+"-idempotent", Values("c"))
		return append(first, second...), err
	})
	return nil
}

func consume() error {
	Step("records", func() (any, error) {
		records, err := readAll(Prefix+"-produce", 1)
		var seen []any
		for _, r := range records {
			var headers [][2]string
			for _, h := range r.Headers {
				headers = append(headers, [2]string{h.Key, string(h.Value)})
			}
			seen = append(seen, Seen(r.Offset, r.Key, r.Value, headers))
		}
		return seen, err
	})
	return nil
}

func group() error {
	topic := Prefix + "-group"
	read := func(count int) (any, error) {
		c, err := client(kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		if err != nil {
			return nil, err
		}
		defer c.Close()
		ctx, cancel := limited()
		defer cancel()
		var found []string
		for len(found) < count {
			fetches := c.PollFetches(ctx)
			if err := fetches.Err0(); err != nil {
				return found, err
			}
			for _, e := range fetches.Errors() {
				return found, e.Err
			}
			fetches.EachRecord(func(r *kgo.Record) { found = append(found, string(r.Value)) })
		}
		sort.Strings(found)
		return found, c.CommitUncommittedOffsets(ctx)
	}
	Step("send", func() (any, error) { o, err := send(topic, Numbered(0, 6)); return len(o), err })
	Step("first", func() (any, error) { return read(6) })
	Step("send-more", func() (any, error) { o, err := send(topic, Numbered(6, 10)); return len(o), err })
	Step("resumed", func() (any, error) { return read(4) })
	Step("committed", func() (any, error) { return offsets(topic) })
	return nil
}

// offsets returns the partitions and committed offsets of a group.
func offsets(group string) (any, error) {
	c, err := client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	ctx, cancel := limited()
	defer cancel()
	found, err := kadm.NewClient(c).FetchOffsets(ctx, group)
	if err != nil {
		return nil, err
	}
	var all [][2]int64
	for _, o := range found.Sorted() {
		all = append(all, [2]int64{int64(o.Partition), o.At})
	}
	return all, found.Error()
}

// member polls in a goroutine.
type member struct {
	client   *kgo.Client
	mutex    sync.Mutex
	assigned map[int32]bool
	err      error
	done     chan struct{}
	cancel   context.CancelFunc
}

func join(group, topic string, options ...kgo.Opt) (*member, error) {
	m := &member{assigned: map[int32]bool{}, done: make(chan struct{})}
	change := func(owned bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
			m.mutex.Lock()
			defer m.mutex.Unlock()
			for _, partitions := range topics {
				for _, p := range partitions {
					if owned {
						m.assigned[p] = true
					} else {
						delete(m.assigned, p)
					}
				}
			}
		}
	}
	var err error
	m.client, err = client(append([]kgo.Opt{kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(),
		kgo.HeartbeatInterval(500 * time.Millisecond), kgo.SessionTimeout(10 * time.Second),
		kgo.OnPartitionsAssigned(change(true)), kgo.OnPartitionsRevoked(change(false)), kgo.OnPartitionsLost(change(false))},
		options...)...)
	if err != nil {
		return nil, err
	}
	var ctx context.Context
	ctx, m.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(m.done)
		for {
			fetches := m.client.PollFetches(ctx)
			if ctx.Err() != nil {
				return
			}
			if errs := fetches.Errors(); len(errs) > 0 {
				m.mutex.Lock()
				m.err = errs[0].Err
				m.mutex.Unlock()
				return
			}
		}
	}()
	return m, nil
}

// Size returns the number of the member's partitions.
func (m *member) Size() (int, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return len(m.assigned), m.err
}

func (m *member) leave() {
	m.cancel()
	<-m.done
	m.client.Close()
}

func share() error {
	for strategy, balancer := range map[string]kgo.GroupBalancer{"range": kgo.RangeBalancer(),
		"cooperative-sticky": kgo.CooperativeStickyBalancer()} {
		Step(strategy, func() (any, error) {
			topic, group := Prefix+"-share", Prefix+"-share-"+strategy
			first, err := join(group, topic, kgo.Balancers(balancer))
			if err != nil {
				return nil, err
			}
			if err := Sizes("all partitions", []int{4}, first); err != nil {
				first.leave()
				return nil, err
			}
			second, err := join(group, topic, kgo.Balancers(balancer))
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
	}
	return nil
}

func static() error {
	topic := Prefix + "-static"
	Step("rejoin", func() (any, error) {
		var found []int
		for i := 0; i < 2; i++ {
			m, err := join(topic, topic, kgo.InstanceID("one"))
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
	Step("fenced!", func() (any, error) {
		first, err := join(topic, topic, kgo.InstanceID("one"))
		if err != nil {
			return nil, err
		}
		defer first.leave()
		if err := Sizes("assignment", []int{2}, first); err != nil {
			return nil, err
		}
		second, err := join(topic, topic, kgo.InstanceID("one"))
		if err != nil {
			return nil, err
		}
		defer second.leave()
		return nil, Until("fencing", func() (bool, error) { _, err := first.Size(); return false, err })
	})
	return nil
}

func times() error {
	topic := Prefix + "-time"
	Step("send", func() (any, error) { return send(topic, Timed(0, 3)) })
	Step("send-more", func() (any, error) { return send(topic, Timed(3, 6)) })
	c, err := client()
	if err != nil {
		return err
	}
	defer c.Close()
	admin := kadm.NewClient(c)
	listed := func(name string, f func(context.Context, ...string) (kadm.ListedOffsets, error)) {
		Step(name, func() (any, error) {
			ctx, cancel := limited()
			defer cancel()
			found, err := f(ctx, topic)
			if err != nil {
				return nil, err
			}
			one, _ := found.Lookup(topic, 0)
			return []int64{one.Offset, one.Timestamp, int64(one.LeaderEpoch)}, found.Error()
		})
	}
	for _, moment := range []int64{0, 1_000_000, 1_000_500, 1_004_000, 1_005_001} {
		listed(fmt.Sprint(moment), func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
			return admin.ListOffsetsAfterMilli(ctx, moment, topics...)
		})
	}
	listed("earliest", admin.ListStartOffsets)
	listed("latest", admin.ListEndOffsets)
	listed("committed", admin.ListCommittedOffsets)
	listed("max-timestamp", admin.ListMaxTimestampOffsets)
	return nil
}

func topics() error {
	topic := Prefix + "-topics"
	c, err := client()
	if err != nil {
		return err
	}
	defer c.Close()
	admin := kadm.NewClient(c)
	ctx, cancel := context.WithTimeout(context.Background(), 2*Patience)
	defer cancel()
	text := func(s string) *string { return &s }
	create := func(name string, partitions int32, replicas int16) error {
		_, err := admin.CreateTopic(ctx, partitions, replicas, map[string]*string{"retention.ms": text("3600000")}, name)
		return err
	}
	config := func(names ...string) (any, error) {
		found, err := admin.DescribeTopicConfigs(ctx, topic)
		if err != nil {
			return nil, err
		}
		one, err := found.On(topic, nil)
		var all [][]string
		for _, want := range names {
			for _, c := range one.Configs {
				if c.Key == want {
					all = append(all, []string{c.Key, c.MaybeValue(), c.Source.String()})
				}
			}
		}
		return all, err
	}
	alter := func(value string) error {
		found, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Name: "retention.ms", Value: text(value)}}, topic)
		if err != nil {
			return err
		}
		return found[0].Err
	}
	partitions := func(count int) error {
		found, err := admin.UpdatePartitions(ctx, count, topic)
		if err != nil {
			return err
		}
		return found.Error()
	}
	deleteRecords := func(offset int64) (any, error) {
		var to kadm.Offsets
		to.AddOffset(topic, 0, offset, -1)
		found, err := admin.DeleteRecords(ctx, to)
		if err != nil {
			return nil, err
		}
		one, _ := found.Lookup(topic, 0)
		return one.LowWatermark, found.Error()
	}
	remove := func() error {
		found, err := admin.DeleteTopics(ctx, topic)
		if err != nil {
			return err
		}
		return found.Error()
	}
	Do("create", func() error { return create(topic, 2, 1) })
	Do("listed", func() error {
		return Until("the topic", func() (bool, error) { l, err := admin.ListTopics(ctx); return l.Has(topic), err })
	})
	Do("create-again!", func() error { return create(topic, 2, 1) })
	Do("create-replicated!", func() error { return create(topic+"-r", 2, 3) })
	Do("create-invalid!", func() error { return create("a b", 1, 1) })
	Step("describe", func() (any, error) {
		found, err := admin.ListTopics(ctx, topic)
		var all [][]int32
		for _, p := range found[topic].Partitions.Sorted() {
			all = append(all, append([]int32{p.Partition, p.Leader}, p.Replicas...))
		}
		return all, err
	})
	Step("config", func() (any, error) { return config("retention.ms", "cleanup.policy", "segment.bytes") })
	Do("alter", func() error { return alter("7200000") })
	Step("config-altered", func() (any, error) { return config("retention.ms") })
	Do("alter-invalid!", func() error { return alter("x") })
	Do("partitions", func() error { return partitions(4) })
	Do("partitions-fewer!", func() error { return partitions(1) })
	Step("send", func() (any, error) { return send(topic, Values("a", "b", "c", "d")) })
	Step("delete-records", func() (any, error) { return deleteRecords(3) })
	Step("delete-records-beyond!", func() (any, error) { return deleteRecords(99) })
	Step("log-dirs", func() (any, error) {
		found, err := admin.DescribeAllLogDirs(ctx, kadm.TopicsSet{topic: {0: {}, 1: {}}})
		sized := 0
		found.Each(func(d kadm.DescribedLogDir) {
			d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
				if p.Size > 0 {
					sized++
				}
			})
		})
		return sized, err
	})
	Step("producers", func() (any, error) {
		found, err := admin.DescribeProducers(ctx, kadm.TopicsSet{topic: {0: {}}})
		if err != nil {
			return nil, err
		}
		return len(found[topic].Partitions), found[topic].Partitions[0].Err
	})
	Step("cluster", func() (any, error) { m, err := admin.BrokerMetadata(ctx); return m.Brokers.NodeIDs(), err })
	Do("delete", remove)
	Do("delete-again!", remove)
	return nil
}

func groups() error {
	topic, group := Prefix+"-group", Prefix+"-groups"
	c, err := client()
	if err != nil {
		return err
	}
	defer c.Close()
	admin := kadm.NewClient(c)
	ctx, cancel := context.WithTimeout(context.Background(), 2*Patience)
	defer cancel()
	commit := func(at map[int32]int64) error {
		var to kadm.Offsets
		for partition, offset := range at {
			to.AddOffset(topic, partition, offset, -1)
		}
		found, err := admin.CommitOffsets(ctx, group, to)
		if err != nil {
			return err
		}
		return found.Error()
	}
	Do("commit", func() error { return commit(map[int32]int64{0: 2, 1: 1}) })
	Step("list", func() (any, error) {
		found, err := admin.ListGroups(ctx)
		return []string{found[group].Group, found[group].ProtocolType, found[group].State}, err
	})
	Step("list-by-state", func() (any, error) {
		found, err := admin.ListGroups(ctx, "Stable")
		_, there := found[group]
		return there, err
	})
	Step("describe", func() (any, error) {
		found, err := admin.DescribeGroups(ctx, group)
		if err != nil {
			return nil, err
		}
		return []any{found[group].State, found[group].ProtocolType, len(found[group].Members)}, found.Error()
	})
	Step("offsets", func() (any, error) { return offsets(group) })
	Step("lag", func() (any, error) {
		found, err := admin.Lag(ctx, group)
		if err != nil {
			return nil, err
		}
		return found[group].Lag.Total(), found.Error()
	})
	Do("reset", func() error { return commit(map[int32]int64{0: 1}) })
	Step("offsets-reset", func() (any, error) { return offsets(group) })
	Step("delete-offsets", func() (any, error) {
		found, err := admin.DeleteOffsets(ctx, group, kadm.TopicsSet{topic: {1: {}}})
		if err != nil {
			return nil, err
		}
		return nil, found.Error()
	})
	Step("offsets-left", func() (any, error) { return offsets(group) })
	remove := func(group string) error {
		found, err := admin.DeleteGroups(ctx, group)
		if err != nil {
			return err
		}
		return found.Error()
	}
	Do("delete", func() error { return remove(group) })
	Do("delete-again!", func() error { return remove(group) })
	Do("delete-not-empty!", func() error {
		m, err := join(group+"-2", Prefix+"-share")
		if err != nil {
			return err
		}
		defer m.leave()
		if err := Sizes("all partitions", []int{4}, m); err != nil {
			return fmt.Errorf("%w", err)
		}
		return remove(group + "-2")
	})
	return nil
}

func transactions() error {
	topic := Prefix + "-transactions"
	settings := []kgo.Opt{kgo.TransactionalID(Prefix + "-id"), kgo.TransactionTimeout(20 * time.Second)}
	c, err := client(settings...)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*Patience)
	defer cancel()
	write := func(value string, end kgo.TransactionEndTry) error {
		if err := c.BeginTransaction(); err != nil {
			return err
		}
		if _, err := sendWith(c, topic, Values(value)); err != nil {
			return err
		}
		return c.EndTransaction(ctx, end)
	}
	read := func(level kgo.IsolationLevel) (any, error) {
		records, err := readAll(topic, 1, kgo.FetchIsolationLevel(level))
		var values []string
		for _, r := range records {
			values = append(values, string(r.Value))
		}
		return values, err
	}
	Do("commit", func() error { return write("committed", kgo.TryCommit) })
	Do("abort", func() error { return write("aborted", kgo.TryAbort) })
	Do("commit-again", func() error { return write("again", kgo.TryCommit) })
	Step("read-committed", func() (any, error) { return read(kgo.ReadCommitted()) })
	Step("read-uncommitted", func() (any, error) { return read(kgo.ReadUncommitted()) })
	Step("transactions", func() (any, error) {
		found, err := kadm.NewClient(c).DescribeTransactions(ctx, Prefix+"-id")
		return found[Prefix+"-id"].State, err
	})
	Step("session", func() (any, error) {
		group := Prefix + "-session"
		s, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(Servers), kgo.TransactionalID(group),
			kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.RequireStableFetchOffsets(),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
		if err != nil {
			return nil, err
		}
		defer s.Close()
		fetches := s.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		if err := s.Begin(); err != nil {
			return nil, err
		}
		committed, err := s.End(ctx, kgo.TryCommit)
		if err != nil {
			return nil, err
		}
		found, err := offsets(group)
		return []any{committed, fetches.NumRecords(), found}, err
	})
	Do("fenced!", func() error {
		if err := c.BeginTransaction(); err != nil {
			return err
		}
		if _, err := sendWith(c, topic, Values("fenced")); err != nil {
			return err
		}
		second, err := client(settings...)
		if err != nil {
			return err
		}
		defer second.Close()
		if _, _, err := second.ProducerID(ctx); err != nil {
			return fmt.Errorf("second: %w", err)
		}
		return c.EndTransaction(ctx, kgo.TryCommit)
	})
	Step("read-at-end", func() (any, error) { return read(kgo.ReadCommitted()) })
	return nil
}

func bulk() error {
	topic := Prefix + "-bulk"
	Step("send", func() (any, error) { o, err := send(topic, Bulk()); return len(o), err })
	Step("read", func() (any, error) { r, err := readAll(topic, 2); return len(r), err })
	return nil
}

func main() {
	ErrorName = name
	Run(map[string]func() error{"produce": produce, "idempotent": idempotent, "consume": consume, "group": group,
		"share": share, "static": static, "time": times, "topics": topics, "groups": groups,
		"transactions": transactions, "bulk": bulk})
}
