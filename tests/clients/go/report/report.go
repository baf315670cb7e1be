// Package report reads the command line of the Go programs of the matrix and prints their lines (see ../../README.md).
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// Patience bounds a wait; it is long enough for a rebalance on a busy machine.
const Patience = 20 * time.Second

var (
	// Servers is the bootstrap server.
	Servers string
	// Prefix begins the name of each topic and group of this run.
	Prefix    string
	operation string
	// Codecs are the codecs that `produce` tries.
	Codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}
	// ErrUnsupported is returned by a step that the client lacks.
	ErrUnsupported = errors.New("unsupported")
	// ErrorName returns a name of an error that does not depend on the server's text.
	ErrorName = func(err error) string { return err.Error() }
)

// Record is one record to send. Partition is explicit.
type Record struct {
	Partition int32
	Key       string
	Value     string
	Headers   [][2]string
	Timestamp int64
}

func print(fields map[string]any) {
	fields["operation"] = operation
	line, err := json.Marshal(fields)
	if err != nil {
		line = []byte(fmt.Sprintf(`{"operation":%q,"step":"report","error":%q}`, operation, err))
	}
	os.Stdout.Write(append(line, '\n'))
}

// Steps after which Apache Kafka answers before every request sees the change, and the time that it gets for it.
var slowSteps = map[string]bool{"create": true, "alter": true, "partitions": true}

const settle = 500 * time.Millisecond

// Step runs one step and prints what it returned. A step whose name ends with `!` has to fail.
func Step(name string, f func() (any, error)) any {
	value, err := f()
	switch {
	case errors.Is(err, ErrUnsupported):
		print(map[string]any{"step": name, "unsupported": "no"})
	case err != nil:
		print(map[string]any{"step": name, "error": ErrorName(err), "text": err.Error()})
	default:
		print(map[string]any{"step": name, "value": value})
		if slowSteps[name] {
			time.Sleep(settle)
		}
		return value
	}
	return nil
}

// Do is a step without a value.
func Do(name string, f func() error) {
	Step(name, func() (any, error) { return nil, f() })
}

// Run carries out the operations that the command line names, separated by commas.
func Run(operations map[string]func() error) {
	Servers, Prefix = os.Args[1], os.Args[3]
	for _, operation = range strings.Split(os.Args[2], ",") {
		f, began := operations[operation], time.Now()
		if f == nil {
			print(map[string]any{"end": "unsupported"})
			continue
		}
		if err := f(); err != nil {
			print(map[string]any{"step": "run", "error": ErrorName(err), "text": err.Error()})
		}
		print(map[string]any{"end": "done", "seconds": time.Since(began).Seconds()})
	}
}

// Until polls until the condition holds.
func Until(what string, condition func() (bool, error)) error {
	deadline := time.Now().Add(Patience)
	for {
		if done, err := condition(); done || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s not in time", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Member is a consumer of a group.
type Member interface {
	Size() (int, error)
}

// Sizes waits until the members have these numbers of partitions.
func Sizes[M Member](what string, want []int, members ...M) error {
	return Until(what, func() (bool, error) {
		var got []int
		for _, m := range members {
			size, err := m.Size()
			if err != nil {
				return false, err
			}
			got = append(got, size)
		}
		return fmt.Sprint(got) == fmt.Sprint(want), nil
	})
}

// Records returns the records that `produce` sends with one codec.
func Records(codec string) []Record {
	var records []Record
	for i := 0; i < 5; i++ {
		records = append(records, Record{
			Key: fmt.Sprintf("%s-%d", codec, i), Value: strings.Repeat(fmt.Sprintf("%s %d ", codec, i), 20),
			Headers: [][2]string{{"codec", codec}, {"empty", ""}},
		})
	}
	return records
}

// Values returns records of partition 0.
func Values(values ...string) []Record {
	var records []Record
	for _, value := range values {
		records = append(records, Record{Value: value})
	}
	return records
}

// Numbered returns records with the numbers from `from` to `to`, alternating between two partitions.
func Numbered(from, to int) []Record {
	var records []Record
	for i := from; i < to; i++ {
		records = append(records, Record{Partition: int32(i % 2), Value: fmt.Sprint(i)})
	}
	return records
}

// Timed returns records of partition 0 one second apart.
func Timed(from, to int) []Record {
	var records []Record
	for i := from; i < to; i++ {
		records = append(records, Record{Value: "x", Timestamp: 1_000_000 + 1000*int64(i)})
	}
	return records
}

// Bulk returns records of 100 bytes in two partitions.
func Bulk() []Record {
	var records []Record
	for i := 0; i < 20000; i++ {
		records = append(records, Record{Partition: int32(i % 2), Value: strings.Repeat("x", 100)})
	}
	return records
}

// Seen describes a record that was read from partition 0.
func Seen(offset int64, key, value []byte, headers [][2]string) any {
	start := value
	if len(start) > 10 {
		start = start[:10]
	}
	return []any{offset, string(key), string(start), len(value), headers}
}
