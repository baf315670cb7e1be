"""What checkov finds and the template has on purpose: (check, resource) and the reason. One that checkov does not
find any more is an error too."""

EXCEPTIONS = {
    ("CKV_AWS_111", "SinkRole"): "making network interfaces takes no narrower resource; rules.py allows this one",
    ("CKV_AWS_115", "Sink"): "the topic's partitions limit it, and a new account has no concurrency to reserve",
    ("CKV_AWS_116", "Sink"): "such a queue is for asynchronous invocations; an event source does not use it",
    ("CKV_AWS_117", "Sink"): "it speaks to S3 only; the event source is in the VPC, and reads the brokers for it",
    ("CKV_AWS_149", "BrokerSecret"): "Secrets Manager encrypts it with its own key; one of one's own costs $1 a month",
    ("CKV_AWS_149", "CaSecret"): "a certificate is no secret",
    ("CKV_AWS_149", "ProducerSecret"): "as BrokerSecret",
    ("CKV_AWS_149", "TriggerSecret"): "as BrokerSecret",
    ("CKV_AWS_158", "SinkLogs"): "the logs hold counts and keys; CloudWatch encrypts them with its own key",
    ("CKV_AWS_173", "Sink"): "its environment holds names and no secret",
    ("CKV_AWS_18", "Lake"): "it would need a second bucket; CloudTrail's data events are the account's to switch on",
    ("CKV_AWS_195", "Crawler"): "it writes to the catalog and no object; a security configuration would need a key",
    ("CKV_AWS_88", "BrokerTemplate"): "its way out; no security group lets anybody in, and NAT costs $33 a month",
    ("CKV_AWS_21", "Lake"): "objects are never overwritten, and each batch would leave a version of each ledger",
}
