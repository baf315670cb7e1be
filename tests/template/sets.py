"""The parameter sets with which the template is checked."""

EXISTING_BROKERS = {
    "BootstrapServers": "b-1.example.internal:9096,b-2.example.internal:9096",
    "SecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:kafka-AbCdEf",
    "CertificateSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:ca-AbCdEf",
    "Subnet": "subnet-0123456789abcdef0",
    "SecondSubnet": "subnet-0123456789abcdef1",
    "SecurityGroup": "sg-0123456789abcdef0",
}
# Sets that the template accepts, by name.
ACCEPTED = {
    "default": {},
    "public-listener": {"PublicCidr": "203.0.113.7/32", "Zone": "us-east-1c", "SecondZone": "us-east-1d", "Partitions": "6", "BrokerDiskSize": "100"},
    "paused": {"Paused": "true"},
    "provisioned-own-broker": {"Provisioned": "true"},
    "bring-your-own": EXISTING_BROKERS,
    "provisioned": EXISTING_BROKERS | {"Provisioned": "true", "MinimumPollers": "2", "MaximumPollers": "4"},
    "x86_64": EXISTING_BROKERS | {"Architecture": "x86_64"},
    "hourly": EXISTING_BROKERS | {"PartitionBy": "hour", "Prefix": "raw/quotes/", "Compression": "zstd", "Topic": "ticks.v2"},
    "without-schedules": EXISTING_BROKERS | {"CrawlerSchedule": "", "HistorySchedule": "", "Paused": "true"},
    "every-option": EXISTING_BROKERS
    | {
        "SecretsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef",
        "ReservedConcurrency": "10",
        "AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:alarms",
        "TopicGeneration": "3",
        "Provisioned": "true",
    },
}

# Sets that the template rejects before it creates any resource, and the parameter because of which it does.
REJECTED = [
    *(({name: value for name, value in EXISTING_BROKERS.items() if name != missing}, missing) for missing in EXISTING_BROKERS if missing != "BootstrapServers"),
    *(({name: value}, name) for name, value in EXISTING_BROKERS.items() if name != "BootstrapServers"),
    (EXISTING_BROKERS | {"PublicCidr": "203.0.113.7/32"}, "PublicCidr"),
    ({"PublicCidr": "0.0.0.0/0"}, "PublicCidr"),
    ({"BrokerInstanceType": "t3.small"}, "BrokerInstanceType"),
    (EXISTING_BROKERS | {"BootstrapServers": "b-1.example.internal"}, "BootstrapServers"),
    (EXISTING_BROKERS | {"Subnet": "10.0.0.0/24"}, "Subnet"),
    ({"Prefix": "raw"}, "Prefix"),
    ({"Timeout": "900"}, "Timeout"),
    ({"Compression": "lz4"}, "Compression"),
]
