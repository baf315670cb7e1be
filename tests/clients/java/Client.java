import java.lang.reflect.Method;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.*;

/** Apache Kafka's Java client, compiled against each version from 2.8 on (see ../README.md). */
public class Client {
    static final long PATIENCE = 20_000;
    /** Steps after which Apache Kafka answers before every request sees the change, and the time that it gets for it. */
    static final List<String> SLOW_STEPS = Arrays.asList("create", "alter", "partitions");
    static final long SETTLE = 500;
    static String servers, operation, prefix;

    interface Step { Object run() throws Exception; }
    interface Action { void run() throws Exception; }

    // --- report

    static String json(Object value) {
        if (value == null) return "null";
        if (value instanceof Number || value instanceof Boolean) return value.toString();
        if (value instanceof Collection) {
            StringJoiner all = new StringJoiner(", ", "[", "]");
            for (Object one : (Collection<?>) value) all.add(json(one));
            return all.toString();
        }
        StringBuilder text = new StringBuilder("\"");
        for (char c : value.toString().toCharArray()) {
            if (c == '"' || c == '\\') text.append('\\').append(c);
            else if (c < ' ') text.append(String.format("\\u%04x", (int) c));
            else text.append(c);
        }
        return text.append('"').toString();
    }

    static synchronized void print(Object... fields) {
        StringBuilder line = new StringBuilder("{\"operation\": " + json(operation));
        for (int i = 0; i < fields.length; i += 2) line.append(", ").append(json(fields[i])).append(": ").append(json(fields[i + 1]));
        System.out.println(line.append("}"));
        System.out.flush();
    }

    /** Runs one step and prints what it returned or threw. A step whose name ends with an exclamation mark has to fail. */
    static Object step(String name, Step step) {
        try {
            Object value = step.run();
            print("step", name, "value", value);
            if (SLOW_STEPS.contains(name)) Thread.sleep(SETTLE);
            return value;
        } catch (Throwable error) {
            Throwable cause = error;
            while ((cause instanceof ExecutionException || cause.getClass() == RuntimeException.class) && cause.getCause() != null) cause = cause.getCause();
            print("step", name, "error", cause.getClass().getSimpleName(), "text", String.valueOf(cause.getMessage()));
            return null;
        }
    }

    static void act(String name, Action action) {
        step(name, () -> { action.run(); return null; });
    }

    static void until(String what, BooleanSupplier condition) throws Exception {
        for (long end = System.currentTimeMillis() + PATIENCE; !condition.getAsBoolean(); Thread.sleep(50))
            if (System.currentTimeMillis() > end) throw new TimeoutException(what + " not in time");
    }

    // --- clients

    static Producer<byte[], byte[]> producer(Object... settings) {
        Properties all = new Properties();
        all.put("bootstrap.servers", servers);
        all.put("linger.ms", "20");
        all.put("delivery.timeout.ms", "15000");
        all.put("request.timeout.ms", "10000");
        all.put("max.block.ms", "15000");
        all.put("enable.idempotence", "false");
        for (int i = 0; i < settings.length; i += 2) all.put(settings[i], settings[i + 1]);
        return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static Consumer<byte[], byte[]> consumer(String group, Object... settings) {
        Properties all = new Properties();
        all.put("bootstrap.servers", servers);
        if (group != null) all.put("group.id", group);
        all.put("auto.offset.reset", "earliest");
        all.put("enable.auto.commit", "false");
        all.put("session.timeout.ms", "10000");
        all.put("heartbeat.interval.ms", "500");
        all.put("default.api.timeout.ms", "15000");
        for (int i = 0; i < settings.length; i += 2) all.put(settings[i], settings[i + 1]);
        return new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static Admin admin() {
        Properties all = new Properties();
        all.put("bootstrap.servers", servers);
        all.put("request.timeout.ms", "10000");
        all.put("default.api.timeout.ms", "15000");
        return Admin.create(all);
    }

    static <T> T get(KafkaFuture<T> future) throws Exception {
        return future.get(PATIENCE, TimeUnit.MILLISECONDS);
    }

    static ProducerRecord<byte[], byte[]> record(String topic, int partition, String value) {
        return new ProducerRecord<>(topic, partition, null, value.getBytes());
    }

    static List<ProducerRecord<byte[], byte[]>> values(String topic, String... values) {
        List<ProducerRecord<byte[], byte[]>> all = new ArrayList<>();
        for (String value : values) all.add(record(topic, 0, value));
        return all;
    }

    static List<ProducerRecord<byte[], byte[]>> numbered(String topic, int from, int to) {
        List<ProducerRecord<byte[], byte[]>> all = new ArrayList<>();
        for (int i = from; i < to; i++) all.add(record(topic, i % 2, "" + i));
        return all;
    }

    /** Sends records and returns their offsets. */
    static List<Long> send(Producer<byte[], byte[]> producer, List<ProducerRecord<byte[], byte[]>> records) throws Exception {
        List<Future<RecordMetadata>> futures = new ArrayList<>();
        for (ProducerRecord<byte[], byte[]> one : records) futures.add(producer.send(one));
        producer.flush();
        List<Long> offsets = new ArrayList<>();
        for (Future<RecordMetadata> one : futures) offsets.add(one.get(PATIENCE, TimeUnit.MILLISECONDS).offset());
        return offsets;
    }

    static List<Long> sendOnce(List<ProducerRecord<byte[], byte[]>> records, Object... settings) throws Exception {
        Producer<byte[], byte[]> producer = producer(settings);
        try {
            return send(producer, records);
        } finally {
            producer.close(Duration.ofSeconds(5));
        }
    }

    /** Reads a topic from the start to the end that it has now. */
    static List<ConsumerRecord<byte[], byte[]>> readAll(String topic, int partitions, Object... settings) throws Exception {
        List<ConsumerRecord<byte[], byte[]>> found = new ArrayList<>();
        Consumer<byte[], byte[]> consumer = consumer(null, settings);
        try {
            List<TopicPartition> assigned = new ArrayList<>();
            for (int p = 0; p < partitions; p++) assigned.add(new TopicPartition(topic, p));
            consumer.assign(assigned);
            Map<TopicPartition, Long> ends = consumer.endOffsets(assigned);
            consumer.seekToBeginning(assigned);
            until("end of the topic", () -> {
                for (ConsumerRecord<byte[], byte[]> one : consumer.poll(Duration.ofMillis(200))) found.add(one);
                for (TopicPartition one : assigned) if (consumer.position(one) < ends.get(one)) return false;
                return true;
            });
        } finally {
            consumer.close(Duration.ofSeconds(5));
        }
        return found;
    }

    static List<Object> texts(List<ConsumerRecord<byte[], byte[]>> records) {
        List<Object> all = new ArrayList<>();
        for (ConsumerRecord<byte[], byte[]> one : records) all.add(new String(one.value()));
        return all;
    }

    // --- operations

    static void produce() {
        for (String codec : new String[] {"none", "gzip", "snappy", "lz4", "zstd"}) {
            step(codec, () -> {
                List<ProducerRecord<byte[], byte[]>> all = new ArrayList<>();
                for (int i = 0; i < 5; i++) {
                    ProducerRecord<byte[], byte[]> one = new ProducerRecord<>(prefix + "-produce", 0, (codec + "-" + i).getBytes(), (codec + " " + i + " ").repeat(20).getBytes());
                    one.headers().add("codec", codec.getBytes()).add("empty", new byte[0]);
                    all.add(one);
                }
                return sendOnce(all, "compression.type", codec);
            });
        }
    }

    static void idempotent() {
        step("send", () -> {
            Producer<byte[], byte[]> producer = producer("enable.idempotence", "true");
            try {
                List<Long> offsets = send(producer, values(prefix + "-idempotent", "a", "b"));
                offsets.addAll(send(producer, values(prefix + "-idempotent", "c")));
                return offsets;
            } finally {
                producer.close(Duration.ofSeconds(5));
            }
        });
    }

    static void consume() {
        step("records", () -> {
            List<Object> all = new ArrayList<>();
            for (ConsumerRecord<byte[], byte[]> one : readAll(prefix + "-produce", 1)) {
                List<Object> headers = new ArrayList<>();
                for (Header header : one.headers()) headers.add(header.key() + "=" + new String(header.value()));
                all.add(Arrays.asList(one.offset(), new String(one.key()), one.value().length, headers));
            }
            return all;
        });
    }

    static List<Object> readGroup(String topic, String group, int count, Object... settings) throws Exception {
        Consumer<byte[], byte[]> consumer = consumer(group, settings);
        List<String> found = new ArrayList<>();
        try {
            consumer.subscribe(Collections.singletonList(topic));
            until(count + " records", () -> {
                for (ConsumerRecord<byte[], byte[]> one : consumer.poll(Duration.ofMillis(200))) found.add(new String(one.value()));
                return found.size() >= count;
            });
            consumer.commitSync();
        } finally {
            consumer.close(Duration.ofSeconds(5));
        }
        Collections.sort(found);
        return new ArrayList<>(found);
    }

    static void group() {
        String topic = prefix + "-group";
        step("send", () -> sendOnce(numbered(topic, 0, 6)).size());
        step("first", () -> readGroup(topic, topic, 6));
        step("send-more", () -> sendOnce(numbered(topic, 6, 10)).size());
        step("resumed", () -> readGroup(topic, topic, 4));
        step("committed", () -> {
            try (Consumer<byte[], byte[]> consumer = consumer(topic)) {
                TreeMap<Integer, Long> all = new TreeMap<>();
                consumer.committed(new HashSet<>(Arrays.asList(new TopicPartition(topic, 0), new TopicPartition(topic, 1))))
                    .forEach((one, offset) -> all.put(one.partition(), offset.offset()));
                return new ArrayList<>(all.values());
            }
        });
    }

    /** A member of a group, which polls in a separate thread. */
    static class Member {
        final AtomicBoolean stopping = new AtomicBoolean();
        final Thread thread;
        volatile int assigned;
        volatile RuntimeException error;

        Member(String group, String topic, Object... settings) {
            thread = new Thread(() -> {
                Consumer<byte[], byte[]> consumer = consumer(group, settings);
                try {
                    consumer.subscribe(Collections.singletonList(topic));
                    while (!stopping.get()) {
                        consumer.poll(Duration.ofMillis(100));
                        assigned = consumer.assignment().size();
                    }
                } catch (RuntimeException caught) {
                    error = caught;
                } finally {
                    consumer.close(Duration.ofSeconds(5));
                }
            });
            thread.setDaemon(true);
            thread.start();
        }

        int size() {
            if (error != null) throw error;
            return assigned;
        }

        void leave() throws Exception {
            stopping.set(true);
            thread.join(PATIENCE);
        }
    }

    static void share() {
        for (String strategy : new String[] {"Range", "CooperativeSticky"}) {
            step(strategy, () -> {
                String topic = prefix + "-share", group = topic + strategy;
                Object[] settings = {"partition.assignment.strategy", "org.apache.kafka.clients.consumer." + strategy + "Assignor"};
                Member first = new Member(group, topic, settings), second = null;
                try {
                    until("all partitions", () -> first.size() == 4);
                    Member other = second = new Member(group, topic, settings);
                    until("two each", () -> first.size() == 2 && other.size() == 2);
                    first.leave();
                    until("all after one left", () -> other.size() == 4);
                    return Arrays.asList(4, 2, 2, 4);
                } finally {
                    first.leave();
                    if (second != null) second.leave();
                }
            });
        }
    }

    static void fixed() {
        String topic = prefix + "-static";
        step("rejoin", () -> {
            List<Object> sizes = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                Member member = new Member(topic, topic, "group.instance.id", "one");
                until("assignment", () -> member.size() == 2);
                sizes.add(member.size());
                member.leave();
            }
            return sizes;
        });
        act("fenced!", () -> {
            Member first = new Member(topic, topic, "group.instance.id", "one");
            until("assignment", () -> first.size() == 2);
            Member second = new Member(topic, topic, "group.instance.id", "one");
            try {
                until("fencing", () -> { first.size(); return false; });
            } finally {
                first.leave();
                second.leave();
            }
        });
    }

    static void time() {
        String topic = prefix + "-time";
        TopicPartition partition = new TopicPartition(topic, 0);
        for (int half = 0; half < 2; half++) {
            List<ProducerRecord<byte[], byte[]>> all = new ArrayList<>();
            for (int i = 3 * half; i < 3 * half + 3; i++) all.add(new ProducerRecord<>(topic, 0, 1_000_000L + 1000 * i, null, "x".getBytes()));
            step("send-" + half, () -> sendOnce(all));
        }
        step("offsets", () -> {
            List<Object> all = new ArrayList<>();
            try (Consumer<byte[], byte[]> consumer = consumer(null)) {
                for (long moment : new long[] {0, 1_000_000, 1_000_500, 1_004_000, 1_005_001}) {
                    OffsetAndTimestamp one = consumer.offsetsForTimes(Collections.singletonMap(partition, moment)).get(partition);
                    all.add(one == null ? null : Arrays.asList(one.offset(), one.timestamp(), one.leaderEpoch().orElse(-1)));
                }
                all.add(consumer.beginningOffsets(Collections.singleton(partition)).get(partition));
                all.add(consumer.endOffsets(Collections.singleton(partition)).get(partition));
            }
            return all;
        });
        step("admin", () -> {
            try (Admin admin = admin()) {
                List<Object> all = new ArrayList<>();
                for (OffsetSpec spec : new OffsetSpec[] {OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.forTimestamp(1_003_000)}) {
                    ListOffsetsResult.ListOffsetsResultInfo one = get(admin.listOffsets(Collections.singletonMap(partition, spec)).partitionResult(partition));
                    all.add(Arrays.asList(one.offset(), one.timestamp()));
                }
                return all;
            }
        });
        step("max-timestamp", () -> {
            Method method;
            try {
                method = OffsetSpec.class.getMethod("maxTimestamp");
            } catch (NoSuchMethodException error) {
                return "none";
            }
            try (Admin admin = admin()) {
                ListOffsetsResult.ListOffsetsResultInfo one = get(admin.listOffsets(Collections.singletonMap(partition, (OffsetSpec) method.invoke(null))).partitionResult(partition));
                return Arrays.asList(one.offset(), one.timestamp());
            }
        });
    }

    /** Describes a topic: the method has another name since 3.1, and the old one is gone since 4.0. */
    @SuppressWarnings("unchecked")
    static TopicDescription describe(Admin admin, String topic) throws Exception {
        DescribeTopicsResult result = admin.describeTopics(Collections.singletonList(topic));
        Method method;
        try {
            method = DescribeTopicsResult.class.getMethod("allTopicNames");
        } catch (NoSuchMethodException error) {
            method = DescribeTopicsResult.class.getMethod("all");
        }
        return get((KafkaFuture<Map<String, TopicDescription>>) method.invoke(result)).get(topic);
    }

    static void topics() {
        String topic = prefix + "-topics";
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        try (Admin admin = admin()) {
            Step create = () -> {
                NewTopic one = new NewTopic(topic, 2, (short) 1).configs(Collections.singletonMap("retention.ms", "3600000"));
                CreateTopicsResult result = admin.createTopics(Collections.singletonList(one));
                get(result.all());
                return Arrays.asList(get(result.numPartitions(topic)), get(result.replicationFactor(topic)), get(result.config(topic)).get("retention.ms").value());
            };
            Step retention = () -> {
                ConfigEntry one = get(admin.describeConfigs(Collections.singletonList(resource)).all()).get(resource).get("retention.ms");
                return Arrays.asList(one.value(), one.source().name(), one.isReadOnly());
            };
            step("create", create);
            act("listed", () -> until("the topic", () -> {
                try {
                    return get(admin.listTopics().names()).contains(topic);
                } catch (Exception error) {
                    throw new RuntimeException(error);
                }
            }));
            step("create-again!", create);
            act("create-replicated!", () -> get(admin.createTopics(Collections.singletonList(new NewTopic(topic + "-r", 2, (short) 3))).all()));
            act("create-invalid!", () -> get(admin.createTopics(Collections.singletonList(new NewTopic("a b", 1, (short) 1))).all()));
            step("describe", () -> {
                TopicDescription one = describe(admin, topic);
                return Arrays.asList(one.isInternal(), one.partitions().size(), one.partitions().get(0).leader().id(), one.partitions().get(0).isr().size());
            });
            step("config", retention);
            act("alter", () -> get(admin.incrementalAlterConfigs(Collections.singletonMap(resource, Collections.singletonList(
                new AlterConfigOp(new ConfigEntry("retention.ms", "7200000"), AlterConfigOp.OpType.SET)))).all()));
            step("config-altered", retention);
            act("alter-invalid!", () -> get(admin.incrementalAlterConfigs(Collections.singletonMap(resource, Collections.singletonList(
                new AlterConfigOp(new ConfigEntry("retention.ms", "x"), AlterConfigOp.OpType.SET)))).all()));
            act("partitions", () -> get(admin.createPartitions(Collections.singletonMap(topic, NewPartitions.increaseTo(4))).all()));
            act("partitions-fewer!", () -> get(admin.createPartitions(Collections.singletonMap(topic, NewPartitions.increaseTo(1))).all()));
            step("send", () -> sendOnce(values(topic, "a", "b", "c", "d")));
            TopicPartition partition = new TopicPartition(topic, 0);
            step("delete-records", () -> get(admin.deleteRecords(Collections.singletonMap(partition, RecordsToDelete.beforeOffset(3))).lowWatermarks().get(partition)).lowWatermark());
            act("delete-records-beyond!", () -> get(admin.deleteRecords(Collections.singletonMap(partition, RecordsToDelete.beforeOffset(99))).all()));
            step("cluster", () -> get(admin.describeCluster().nodes()).size());
            step("log-dirs", () -> get(admin.describeLogDirs(Collections.singletonList(1)).descriptions().get(1)).size());
            step("producers", () -> get(admin.describeCluster().controller()).id());
            act("delete", () -> get(admin.deleteTopics(Collections.singletonList(topic)).all()));
            act("delete-again!", () -> get(admin.deleteTopics(Collections.singletonList(topic)).all()));
        }
    }

    static void groups() {
        String topic = prefix + "-group", group = prefix + "-groups";
        TopicPartition zero = new TopicPartition(topic, 0), one = new TopicPartition(topic, 1);
        try (Admin admin = admin()) {
            act("commit", () -> {
                try (Consumer<byte[], byte[]> consumer = consumer(group)) {
                    Map<TopicPartition, OffsetAndMetadata> all = new HashMap<>();
                    all.put(zero, new OffsetAndMetadata(2));
                    all.put(one, new OffsetAndMetadata(1));
                    consumer.commitSync(all);
                }
            });
            Step offsets = () -> {
                TreeMap<Integer, Long> all = new TreeMap<>();
                get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata()).forEach((p, o) -> all.put(p.partition(), o.offset()));
                return new ArrayList<>(all.values());
            };
            step("list", () -> {
                for (ConsumerGroupListing listing : get(admin.listConsumerGroups().all()))
                    if (listing.groupId().equals(group)) return Arrays.asList(true, listing.isSimpleConsumerGroup(), listing.state().isPresent() ? listing.state().get().toString() : "");
                return false;
            });
            step("describe", () -> {
                ConsumerGroupDescription found = get(admin.describeConsumerGroups(Collections.singletonList(group)).describedGroups().get(group));
                return Arrays.asList(found.isSimpleConsumerGroup(), found.members().size(), found.partitionAssignor(), found.coordinator().id());
            });
            step("offsets", offsets);
            act("reset", () -> get(admin.alterConsumerGroupOffsets(group, Collections.singletonMap(zero, new OffsetAndMetadata(1))).all()));
            step("offsets-reset", offsets);
            act("delete-offsets", () -> get(admin.deleteConsumerGroupOffsets(group, Collections.singleton(one)).all()));
            step("offsets-left", offsets);
            act("delete", () -> get(admin.deleteConsumerGroups(Collections.singletonList(group)).all()));
            act("delete-again!", () -> get(admin.deleteConsumerGroups(Collections.singletonList(group)).all()));
            act("delete-not-empty!", () -> {
                Member member = new Member(group + "-2", prefix + "-share");
                try {
                    until("all partitions", () -> member.size() == 4);
                    get(admin.deleteConsumerGroups(Collections.singletonList(group + "-2")).all());
                } finally {
                    member.leave();
                }
            });
        }
    }

    static void transactions() {
        String topic = prefix + "-transactions";
        Object[] settings = {"transactional.id", prefix + "-id", "enable.idempotence", "true", "transaction.timeout.ms", "14000"};
        Producer<byte[], byte[]> producer = producer(settings);
        act("init", producer::initTransactions);
        act("commit", () -> { producer.beginTransaction(); send(producer, values(topic, "committed")); producer.commitTransaction(); });
        act("abort", () -> { producer.beginTransaction(); send(producer, values(topic, "aborted")); producer.abortTransaction(); });
        act("commit-again", () -> { producer.beginTransaction(); send(producer, values(topic, "again")); producer.commitTransaction(); });
        step("read-committed", () -> texts(readAll(topic, 1, "isolation.level", "read_committed")));
        step("read-uncommitted", () -> texts(readAll(topic, 1)));
        step("offsets", () -> {
            String group = prefix + "-transactions";
            TopicPartition partition = new TopicPartition(topic, 0);
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(Collections.singletonMap(partition, new OffsetAndMetadata(3)), new ConsumerGroupMetadata(group));
            producer.commitTransaction();
            try (Consumer<byte[], byte[]> consumer = consumer(group)) {
                return consumer.committed(Collections.singleton(partition)).get(partition).offset();
            }
        });
        act("fenced!", () -> {
            producer.beginTransaction();
            send(producer, values(topic, "fenced"));
            Producer<byte[], byte[]> second = producer(settings);
            second.initTransactions();
            second.close(Duration.ofSeconds(2));
            producer.commitTransaction();
        });
        step("read-at-end", () -> texts(readAll(topic, 1, "isolation.level", "read_committed")));
        producer.close(Duration.ofSeconds(2));
        // As kafka-producer-perf-test does with --transactional-id.
        step("many", () -> {
            Producer<byte[], byte[]> many = producer("transactional.id", prefix + "-many", "enable.idempotence", "true", "transaction.timeout.ms", "14000");
            many.initTransactions();
            for (int i = 0; i < 30; i++) {
                many.beginTransaction();
                for (int j = 0; j < 100; j++) many.send(record(topic, 0, "x"));
                if (i % 3 == 2) { many.flush(); many.abortTransaction(); } else many.commitTransaction();
            }
            many.close();
            return readAll(topic, 1, "isolation.level", "read_committed").size();
        });
    }

    static void bulk() {
        String topic = prefix + "-bulk";
        step("send", () -> {
            List<ProducerRecord<byte[], byte[]>> all = new ArrayList<>();
            for (int i = 0; i < 20000; i++) all.add(record(topic, i % 2, "x".repeat(100)));
            return sendOnce(all).size();
        });
        step("read", () -> readAll(topic, 2).size());
    }

    public static void main(String[] arguments) {
        servers = arguments[0];
        prefix = arguments[2];
        Map<String, Runnable> operations = new HashMap<>();
        operations.put("produce", Client::produce);
        operations.put("idempotent", Client::idempotent);
        operations.put("consume", Client::consume);
        operations.put("group", Client::group);
        operations.put("share", Client::share);
        operations.put("static", Client::fixed);
        operations.put("time", Client::time);
        operations.put("topics", Client::topics);
        operations.put("groups", Client::groups);
        operations.put("transactions", Client::transactions);
        operations.put("bulk", Client::bulk);
        operations.put("console", Tools::console);
        operations.put("tools", Tools::tools);
        operations.put("perf", Tools::perf);
        for (String name : arguments[1].split(",")) {
            operation = name;
            Runnable run = operations.get(name);
            if (run == null) {
                print("end", "unsupported");
                continue;
            }
            long began = System.nanoTime();
            try {
                run.run();
            } catch (Throwable error) {
                print("step", "run", "error", error.getClass().getSimpleName(), "text", String.valueOf(error.getMessage()));
            }
            print("end", "done", "seconds", (System.nanoTime() - began) / 1e9);
        }
        System.exit(0);
    }
}
