"""Stand-ins for what moto's CloudFormation does not make: resources that have a name and attributes, and no more."""

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

# The types that moto does not make, or not as the template has them, and why. stack.py fails where one is missing here,
# and where one is too many.
STOOD_IN = {
    "AWS::Athena::NamedQuery": "unknown to it",
    "AWS::Athena::WorkGroup": "unknown to it",
    "AWS::AutoScaling::AutoScalingGroup": "it looks for the subnet",
    "AWS::CloudWatch::Alarm": "unknown to it",
    "AWS::EC2::Route": "it looks for the route table",
    "AWS::EC2::RouteTable": "it makes it and cannot delete it",
    "AWS::EC2::Subnet": "it has no zone to tell others",
    "AWS::EC2::VPCEndpoint": "it looks for the subnet",
    "AWS::Glue::Crawler": "unknown to it",
    "AWS::Glue::Database": "unknown to it",
    "AWS::Glue::Table": "unknown to it",
    "AWS::Lambda::EventSourceMapping": "it takes queues and streams as sources, and no Kafka",
    "AWS::S3::BucketPolicy": "unknown to it",
    "AWS::Scheduler::Schedule": "unknown to it",
    "AWS::SecretsManager::Secret": "unknown to it",
}
# Whose Ref is an ARN although their schemas call it something else.
REF_IS_ARN = {"AWS::SecretsManager::Secret"}


class Missing(Exception):
    """An attribute that the type does not have."""


def stand_in(kind):
    """A model of this type, as moto's parser uses one. What it has is what AWS's own schema says, which cfn-lint
    carries."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind)
    attributes, body = schema.get_atts, schema.schema
    identifier = body["primaryIdentifier"]
    given = len(identifier) == 1 and identifier[0] not in body.get("readOnlyProperties", [])
    ref_is_arn = identifier[0].endswith("Arn") or kind in REF_IS_ARN

    def arn(name):
        return f"arn:aws:{kind.split('::')[1].lower()}:us-east-1:123456789012:{name}"

    class StandIn:
        def __init__(self, name):
            self.name = name
            self.physical_resource_id = arn(name) if ref_is_arn else name

        @staticmethod
        def cloudformation_name_type():
            return identifier[0].rsplit("/", 1)[1] if given else ""

        @classmethod
        def create_from_cloudformation_json(cls, name, *_described, **_further):
            return cls(name)

        @staticmethod
        def has_cfn_attr(name):
            return name in attributes

        def get_cfn_attribute(self, name):
            if name not in attributes:
                raise Missing(f"{kind} has no attribute {name}")
            # With a colon, as templates take what is before it or after it from some.
            text = arn(self.name) if name.endswith("Arn") else f"{self.name}:{name}"
            kept = body["properties"].get(attributes[name].rsplit("/", 1)[1], {})
            return [text] if kept.get("type") == "array" else text

        def is_created(self):
            return True

        def delete(self, _account, _region):
            """Nothing is left of it."""

    return StandIn
