"""checkov's findings that are intended: (check, resource) and the reason.

An exception that checkov no longer finds is an error, too.
"""

EXCEPTIONS = {
    ("CKV_AWS_111", "SinkRole"): "the EC2 actions for network interfaces accept no narrower resource; rules.py allows this statement",
    ("CKV_AWS_111", "BrokerRole"): "Session Manager's actions accept no narrower resource; rules.py allows this statement",
    ("CKV_AWS_115", "Sink"): "the topic's partitions limit it, and a new account has no concurrency to reserve",
    ("CKV_AWS_116", "Sink"): "a dead-letter queue is for asynchronous invocations; an event source does not use it",
    ("CKV_AWS_117", "Sink"): "it connects only to S3; the event source, which is in the VPC, reads from the brokers",
    ("CKV_AWS_149", "BrokerSecret"): "Secrets Manager encrypts it with an AWS managed key; a customer managed key costs $1 a month",
    ("CKV_AWS_149", "CaSecret"): "a certificate is not secret",
    ("CKV_AWS_149", "ProducerSecret"): "as BrokerSecret",
    ("CKV_AWS_149", "TriggerSecret"): "as BrokerSecret",
    ("CKV_AWS_158", "SinkLogs"): "the logs contain counts and object keys; CloudWatch encrypts them with its own key",
    ("CKV_AWS_173", "Sink"): "its environment contains names and no secrets",
    ("CKV_AWS_26", "Notifications"): "alarms cannot publish to a topic with SNS's own key; a customer managed key costs $1 a month",
    ("CKV_AWS_18", "Lake"): "access logs need a second bucket; CloudTrail's data events are enabled per account",
    ("CKV_AWS_195", "Crawler"): "it writes to the catalog only, not to S3; a security configuration needs a key",
    ("CKV_AWS_88", "BrokerTemplate"): "the public address is for egress; security groups allow ingress to the public listener only; NAT costs $33 a month",
    ("CKV_AWS_21", "Lake"): "objects are never overwritten, and each batch would add a version of each ledger",
}
