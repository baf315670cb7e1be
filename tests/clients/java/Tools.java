import java.io.*;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.TimeUnit;
import java.util.regex.*;

/** Apache Kafka's command-line tools: each is a process that runs the class which its script in `bin/` runs. */
class Tools {
    /** The class of each tool, in the releases that have moved it. */
    static final Map<String, String[]> CLASSES = new HashMap<>();

    static {
        String[][] all = {
            {"kafka-topics", "org.apache.kafka.tools.TopicCommand", "kafka.admin.TopicCommand"},
            {"kafka-configs", "kafka.admin.ConfigCommand", "org.apache.kafka.tools.ConfigCommand"},
            {"kafka-consumer-groups", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "kafka.admin.ConsumerGroupCommand"},
            {"kafka-groups", "org.apache.kafka.tools.GroupsCommand"},
            {"kafka-console-producer", "org.apache.kafka.tools.ConsoleProducer", "kafka.tools.ConsoleProducer"},
            {"kafka-console-consumer", "org.apache.kafka.tools.consumer.ConsoleConsumer", "kafka.tools.ConsoleConsumer"},
            {"kafka-producer-perf-test", "org.apache.kafka.tools.ProducerPerformance"},
            {"kafka-consumer-perf-test", "org.apache.kafka.tools.ConsumerPerformance", "kafka.tools.ConsumerPerformance"},
            {"kafka-e2e-latency", "org.apache.kafka.tools.EndToEndLatency", "kafka.tools.EndToEndLatency"},
            {"kafka-get-offsets", "org.apache.kafka.tools.GetOffsetShell", "kafka.tools.GetOffsetShell"},
            {"kafka-delete-records", "org.apache.kafka.tools.DeleteRecordsCommand", "kafka.admin.DeleteRecordsCommand"},
            {"kafka-log-dirs", "org.apache.kafka.tools.LogDirsCommand", "kafka.admin.LogDirsCommand"},
            {"kafka-transactions", "org.apache.kafka.tools.TransactionsCommand"},
            {"kafka-broker-api-versions", "org.apache.kafka.tools.BrokerApiVersionsCommand", "kafka.admin.BrokerApiVersionsCommand"},
            {"kafka-cluster", "org.apache.kafka.tools.ClusterTool", "kafka.tools.ClusterTool"},
        };
        for (String[] one : all) CLASSES.put(one[0], Arrays.copyOfRange(one, 1, one.length));
    }

    /** Time for one process, including the start of the Java virtual machine. */
    static final long PATIENCE_SECONDS = 100;

    static class Failed extends Exception {
        Failed(String message) { super(message); }
    }

    /** What a process printed on standard output and standard error. */
    static class Output {
        final String out, error;

        Output(String out, String error) {
            this.out = out;
            this.error = error;
        }

        List<Object> lines() {
            List<Object> all = new ArrayList<>();
            for (String line : out.split("\n"))
                // Newer tools name the new spelling of an option that all releases have.
                if (!line.trim().isEmpty() && !line.startsWith("Option ")) all.add(line.trim().replaceAll("\\s+", " "));
            return all;
        }

        List<Object> sorted() {
            List<Object> all = lines();
            all.sort(Comparator.comparing(Object::toString));
            return all;
        }

        /** Returns all matches of the pattern in the order of their texts. */
        List<Object> matches(String pattern) {
            TreeSet<String> all = new TreeSet<>();
            for (Matcher matcher = Pattern.compile(pattern).matcher(out); matcher.find();) all.add(matcher.group().replaceAll("\\s+", " "));
            return new ArrayList<>(all);
        }

        /** Returns the first group of the pattern's first match. */
        String match(String pattern) throws Failed {
            Matcher matcher = Pattern.compile(pattern, Pattern.MULTILINE).matcher(out);
            if (!matcher.find()) throw new Failed("no " + pattern + " in: " + (out + error).trim());
            return matcher.group(1);
        }
    }

    /** Returns the class of a tool, or null if this release lacks it. Some releases keep the old name without a main method. */
    static String classOf(String tool) {
        for (String name : CLASSES.get(tool)) {
            try {
                Class<?> found = Class.forName(name, false, Tools.class.getClassLoader());
                if (Modifier.isStatic(found.getMethod("main", String[].class).getModifiers())) return name;
            } catch (ClassNotFoundException | NoSuchMethodException | NoClassDefFoundError error) {
                // The next candidate.
            }
        }
        return null;
    }

    static Output run(String tool, String input, String... arguments) throws Exception {
        String java = Paths.get(System.getProperty("java.home"), "bin", "java").toString();
        List<String> command = new ArrayList<>(Arrays.asList(java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp",
            System.getProperty("java.class.path"), classOf(tool)));
        command.addAll(Arrays.asList(arguments));
        Path out = Files.createTempFile("tool", ".out"), error = Files.createTempFile("tool", ".err"), in = Files.createTempFile("tool", ".in");
        try {
            Files.write(in, input.getBytes(StandardCharsets.UTF_8));
            Process process = new ProcessBuilder(command).redirectInput(in.toFile()).redirectOutput(out.toFile()).redirectError(error.toFile()).start();
            boolean ended = process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS);
            if (!ended) process.destroyForcibly().waitFor();
            Output output = new Output(read(out), read(error));
            String text = (output.error + output.out).trim();
            if (!ended) throw new Failed("no end: " + text);
            if (process.exitValue() != 0) throw new Failed("exit code " + process.exitValue() + ": " + text);
            return output;
        } finally {
            for (Path path : new Path[] {out, error, in}) Files.deleteIfExists(path);
        }
    }

    static String read(Path path) throws IOException {
        return new String(Files.readAllBytes(path), StandardCharsets.UTF_8);
    }

    interface Keep { Object of(Output output) throws Exception; }

    /** Runs a tool with this standard input as a step, if this release has it. `keep` is what of its output is compared. */
    static void feed(String name, String input, String tool, Keep keep, String... arguments) {
        if (classOf(tool) == null) {
            Client.print("step", name, "unsupported", "this release has no " + tool);
            return;
        }
        Client.step(name, () -> keep.of(run(tool, input, arguments)));
    }

    static void step(String name, String tool, Keep keep, String... arguments) {
        feed(name, "", tool, keep, arguments);
    }

    // --- operations

    static final String SERVER = "--bootstrap-server";

    /** Returns whether a line of the output is the text. */
    static Keep contains(String text) {
        return output -> output.lines().contains(text);
    }

    static void console() {
        String servers = Client.servers, topic = Client.prefix + "-console", group = Client.prefix + "-console";
        step("create", "kafka-topics", Output::lines, SERVER, servers, "--create", "--topic", topic, "--partitions", "2");
        feed("produce", "k0:v0\nk1:v1\nk2:v2\nk3:v3\n", "kafka-console-producer", output -> output.error.contains("ERROR"),
            SERVER, servers, "--topic", topic, "--property", "parse.key=true", "--property", "key.separator=:");
        feed("produce-gzip", "k4:v4\nk5:v5\n", "kafka-console-producer", output -> output.error.contains("ERROR"), SERVER, servers,
            "--topic", topic, "--compression-codec", "gzip", "--property", "parse.key=true", "--property", "key.separator=:");
        step("consume", "kafka-console-consumer", Output::sorted, SERVER, servers, "--topic", topic, "--from-beginning", "--max-messages",
            "6", "--timeout-ms", "20000", "--property", "print.key=true", "--property", "print.partition=true", "--property", "print.offset=true");
        step("consume-partition", "kafka-console-consumer", Output::lines, SERVER, servers, "--topic", topic, "--partition", "0",
            "--offset", "1", "--max-messages", "1", "--timeout-ms", "20000");
        step("group", "kafka-console-consumer", Output::sorted, SERVER, servers, "--topic", topic, "--from-beginning", "--group", group,
            "--max-messages", "6", "--timeout-ms", "20000");
        step("groups-list", "kafka-consumer-groups", contains(group), SERVER, servers, "--list");
        step("groups", "kafka-groups", output -> output.match("^(" + group + " .*)$").replaceAll("\\s+", " "), SERVER, servers, "--list");
        step("groups-describe", "kafka-consumer-groups", Output::sorted, SERVER, servers, "--describe", "--group", group);
        step("groups-state", "kafka-consumer-groups", output -> output.match("(Empty|Stable|Dead)"), SERVER, servers, "--describe", "--state",
            "--group", group);
        // Version 3.9 prints all on one line.
        step("groups-reset", "kafka-consumer-groups", output -> output.matches(group + "\\s+" + topic + "\\s+\\d+\\s+\\d+"), SERVER, servers, "--reset-offsets", "--to-offset", "1", "--all-topics",
            "--group", group, "--execute");
        step("group-again", "kafka-console-consumer", output -> output.lines().size(), SERVER, servers, "--topic", topic, "--group", group,
            "--max-messages", "4", "--timeout-ms", "20000");
        step("groups-delete-offsets", "kafka-consumer-groups", output -> output.lines().size(), SERVER, servers, "--delete-offsets",
            "--group", group, "--topic", topic + ":1");
        step("groups-delete", "kafka-consumer-groups", Output::lines, SERVER, servers, "--delete", "--group", group);
        step("groups-delete-again", "kafka-consumer-groups", output -> output.out.contains("GroupIdNotFound"), SERVER, servers, "--delete",
            "--group", group);
    }

    static void tools() {
        String servers = Client.servers, topic = Client.prefix + "-tools";
        String[] entity = {SERVER, servers, "--entity-type", "topics", "--entity-name", topic};
        Keep describe = output -> output.out.replaceAll("TopicId: \\S+", "").trim().replaceAll("[ \t]+", " ");
        step("topics-create", "kafka-topics", Output::lines, SERVER, servers, "--create", "--topic", topic, "--partitions", "2",
            "--config", "retention.ms=3600000");
        step("topics-create-again!", "kafka-topics", Output::lines, SERVER, servers, "--create", "--topic", topic);
        step("topics-list", "kafka-topics", contains(topic), SERVER, servers, "--list");
        step("topics-describe", "kafka-topics", describe, SERVER, servers, "--describe", "--topic", topic);
        step("topics-alter", "kafka-topics", Output::lines, SERVER, servers, "--alter", "--topic", topic, "--partitions", "3");
        step("topics-described", "kafka-topics", describe, SERVER, servers, "--describe", "--topic", topic);
        step("topics-unavailable", "kafka-topics", Output::lines, SERVER, servers, "--describe", "--unavailable-partitions");
        step("configs-alter", "kafka-configs", Output::lines, join(entity, "--alter", "--add-config", "retention.ms=7200000,max.message.bytes=500000"));
        step("configs-describe", "kafka-configs", Output::sorted, join(entity, "--describe"));
        step("configs-delete", "kafka-configs", Output::lines, join(entity, "--alter", "--delete-config", "max.message.bytes"));
        step("configs-described", "kafka-configs", Output::sorted, join(entity, "--describe"));
        step("configs-invalid!", "kafka-configs", Output::lines, join(entity, "--alter", "--add-config", "retention.ms=x"));
        step("configs-all", "kafka-configs", output -> configurations(output), join(entity, "--describe", "--all"));
        step("configs-broker", "kafka-configs", Output::lines, SERVER, servers, "--entity-type", "brokers", "--entity-name", "1", "--describe");
        step("perf", "kafka-producer-perf-test", output -> output.match("(10 records sent)"), "--topic", topic, "--num-records", "10", "--record-size",
            "10", "--throughput", "-1", "--producer-props", "bootstrap.servers=" + servers, "partitioner.class=org.apache.kafka.clients.producer.RoundRobinPartitioner", "linger.ms=0");
        step("get-offsets", "kafka-get-offsets", Tools::sum, option("kafka-get-offsets"), servers, "--topic", topic, "--time", "-1");
        step("get-offsets-first", "kafka-get-offsets", Output::sorted, option("kafka-get-offsets"), servers, "--topic", topic, "--time", "-2");
        step("log-dirs", "kafka-log-dirs", output -> output.out.split("\"partition\":\"" + topic, -1).length - 1, SERVER, servers, "--describe",
            "--topic-list", topic);
        try {
            Path file = Files.createTempFile("delete", ".json");
            Files.write(file, ("{\"version\": 1, \"partitions\": [{\"topic\": \"" + topic + "\", \"partition\": 0, \"offset\": -1},"
                + " {\"topic\": \"" + topic + "\", \"partition\": 1, \"offset\": -1}, {\"topic\": \"" + topic + "\", \"partition\": 2, \"offset\": -1}]}").getBytes());
            step("delete-records", "kafka-delete-records", output -> output.out.split("low_watermark", -1).length - 1, SERVER, servers,
                "--offset-json-file", file.toString());
            Files.delete(file);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        step("get-offsets-deleted", "kafka-get-offsets", Tools::sum, option("kafka-get-offsets"), servers, "--topic", topic, "--time", "-2");
        step("cluster-id", "kafka-cluster", output -> output.match("Cluster ID: (.{22})$").length(), "cluster-id", SERVER, servers);
        step("api-versions", "kafka-broker-api-versions", Tools::missing, SERVER, servers);
        step("topics-delete", "kafka-topics", Output::lines, SERVER, servers, "--delete", "--topic", topic);
        step("topics-delete-again!", "kafka-topics", Output::lines, SERVER, servers, "--delete", "--topic", topic);
    }

    static void perf() {
        String servers = Client.servers, topic = Client.prefix + "-perf", id = Client.prefix + "-perf";
        String[] load = {"--topic", topic, "--record-size", "100", "--throughput", "-1", "--producer-props", "bootstrap.servers=" + servers};
        Keep sent = output -> output.match("^(\\d+) records sent, .* 99\\.9th\\.?\\s*$");
        step("create", "kafka-topics", Output::lines, SERVER, servers, "--create", "--topic", topic, "--partitions", "2");
        step("producer", "kafka-producer-perf-test", sent, join(load, "acks=all", "compression.type=lz4", "--num-records", "20000"));
        step("consumer", "kafka-consumer-perf-test", Tools::consumed, SERVER, servers, "--topic", topic, "--messages", "20000",
            "--timeout", "20000");
        step("transactional", "kafka-producer-perf-test", sent, join(load, "--num-records", "20000", "--transactional-id", id,
            "--transaction-duration-ms", "20"));
        step("transactional-short", "kafka-producer-perf-test", sent, join(load, "--num-records", "500", "--transactional-id", id,
            "--transaction-duration-ms", "1"));
        step("consumer-group", "kafka-consumer-perf-test", Tools::consumed, SERVER, servers, "--topic", topic, "--messages", "40500",
            "--timeout", "20000", "--group", Client.prefix + "-perf");
        step("read-committed", "kafka-console-consumer", output -> output.lines().size(), SERVER, servers, "--topic", topic,
            "--from-beginning", "--isolation-level", "read_committed", "--max-messages", "40500", "--timeout-ms", "20000");
        step("transactions-list", "kafka-transactions", output -> output.match("^" + id + "\\s+\\S+\\s+\\S+\\s+(\\S+)"), SERVER, servers, "list");
        step("transactions-describe", "kafka-transactions", output -> output.match("\\s" + id + "\\s+\\S+\\s+\\S+\\s+(\\S+)"), SERVER, servers,
            "describe", "--transactional-id", id);
        step("transactions-producers", "kafka-transactions", output -> output.lines().size() > 1, SERVER, servers, "describe-producers",
            "--topic", topic, "--partition", "0");
        step("transactions-hanging", "kafka-transactions", output -> output.lines().size(), SERVER, servers, "find-hanging", "--topic", topic);
        step("latency", "kafka-e2e-latency", output -> output.match("(Avg) latency: "), servers, topic, "10", "all", "100");
    }

    static String[] join(String[] first, String... second) {
        String[] all = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, all, first.length, second.length);
        return all;
    }

    /** GetOffsetShell takes brokers by another option until 3.0. */
    static String option(String tool) {
        return "kafka.tools.GetOffsetShell".equals(classOf(tool)) ? "--broker-list" : SERVER;
    }

    /** Returns the sum of the offsets in lines of `topic:partition:offset`. */
    static Object sum(Output output) throws Failed {
        long sum = 0;
        for (Object line : output.lines()) {
            String[] fields = line.toString().split(":");
            if (fields.length != 3) throw new Failed(output.out + output.error);
            sum += Long.parseLong(fields[2]);
        }
        return sum;
    }

    /** Returns names, values and synonyms of a topic's configuration. */
    static Object configurations(Output output) {
        List<Object> all = new ArrayList<>();
        for (Object line : output.sorted()) {
            Matcher matcher = Pattern.compile("^(\\S+?)=(\\S*) sensitive=(\\S+)").matcher(line.toString());
            if (matcher.find()) all.add(matcher.group(1) + "=" + matcher.group(2));
        }
        return all;
    }

    /** Returns the number of records in the last line of the consumer's performance test. */
    static Object consumed(Output output) throws Failed {
        return output.match("^[-0-9 :]{19}:\\d+, [-0-9 :]{19}:\\d+, [0-9.]+, [0-9.]+, (\\d+), ");
    }

    /** Returns the APIs that this client knows and the broker lacks. */
    static Object missing(Output output) throws Failed {
        output.match("(Produce\\(0\\): \\d+ to \\d+)");
        List<Object> all = new ArrayList<>();
        for (Object line : output.lines())
            if (line.toString().contains("UNSUPPORTED")) all.add(line.toString().replaceAll("\\(.*", ""));
        Collections.sort(all, Comparator.comparing(Object::toString));
        return all;
    }
}
