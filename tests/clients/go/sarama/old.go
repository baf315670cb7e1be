//go:build old

package main

import (
	"time"

	"github.com/IBM/sarama"
)

var version = sarama.V2_3_0_0

// Without a retention this release commits with version 1 of OffsetCommit, which Apache Kafka 4 has removed.
const retention = time.Hour

var static, transactions func() error

func moreTopics(sarama.ClusterAdmin, string) {}

func moreGroups(sarama.ClusterAdmin, string, string) {}
