"""Stand-ins for resource types that moto's CloudFormation does not support. They have a name and attributes only."""

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

# Types that moto does not support, at least not with the template's properties, and why. stack.py fails if a type is
# missing here or is no longer needed.
STAND_INS = {
    "AWS::Athena::NamedQuery": "not supported",
    "AWS::Athena::WorkGroup": "not supported",
    "AWS::AutoScaling::AutoScalingGroup": "requires the subnet",
    "AWS::Budgets::Budget": "not supported",
    "AWS::CloudWatch::Alarm": "not supported",
    "AWS::EC2::Route": "requires the route table",
    "AWS::EC2::RouteTable": "created, but not deleted",
    "AWS::EC2::Subnet": "does not return its availability zone",
    "AWS::EC2::VPCEndpoint": "requires the subnet",
    "AWS::Glue::Crawler": "not supported",
    "AWS::Glue::Database": "not supported",
    "AWS::Glue::Table": "not supported",
    "AWS::Lambda::EventSourceMapping": "supports queues and streams as sources, but not Kafka",
    "AWS::S3::BucketPolicy": "not supported",
    "AWS::SNS::Subscription": "not supported",
    "AWS::Scheduler::Schedule": "not supported",
    "AWS::SecretsManager::Secret": "not supported",
}
# Types whose Ref is an ARN, although the identifier in their schema has another name.
REF_IS_ARN = {"AWS::SecretsManager::Secret"}


class Missing(Exception):
    """The type does not have the attribute."""


def stand_in(kind):
    """Returns a model of this type for moto's parser. Its attributes come from AWS's schema, which is part of cfn-lint."""
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
        def create_from_cloudformation_json(cls, name, *_arguments, **_options):
            return cls(name)

        @staticmethod
        def has_cfn_attr(name):
            return name in attributes

        def get_cfn_attribute(self, name):
            if name not in attributes:
                raise Missing(f"{kind} has no attribute {name}")
            # With a colon, because templates split some attributes at it.
            text = arn(self.name) if name.endswith("Arn") else f"{self.name}:{name}"
            schema_of_attribute = body["properties"].get(attributes[name].rsplit("/", 1)[1], {})
            return [text] if schema_of_attribute.get("type") == "array" else text

        def is_created(self):
            return True

        def delete(self, _account, _region):
            """Does nothing, because there is nothing to delete."""

    return StandIn
