//go:build old

package main

import "github.com/IBM/sarama"

var version = sarama.V2_3_0_0

var static, transactions func() error

func moreTopics(sarama.ClusterAdmin, string) {}

func moreGroups(sarama.ClusterAdmin, string, string) {}
