"""What the template makes of the catalog: its database and tables, made in Glue."""

import boto3

import check as template
import resolve
import servers
import sets

# Names that AWS gives when it makes a resource.
NAMES = {"Lake": servers.BUCKET}
# What Glue returns where nothing was given. moto does not.
FILLED_IN = {"Compressed": False, "NumberOfBuckets": 0, "StoredAsSubDirectories": False}


class Stack:
    """The template with these parameters, as far as it is data: catalog, and the function's environment."""

    def __init__(self, given):
        self.given = given
        self.resources = resolve.resolved(template.transformed(given), given)["Resources"]
        self.database = self.of("AWS::Glue::Database")["Database"]["DatabaseInput"]
        self.database_name = self.database["Name"]
        self.names = NAMES | {"Database": self.database_name}
        [function] = self.of("AWS::Lambda::Function").values()
        variables = self.named(function["Environment"]["Variables"])
        self.environment = {name: str(value) for name, value in variables.items()}
        [mapping] = self.of("AWS::Lambda::EventSourceMapping").values()
        [self.topic] = mapping["Topics"]
        self.prefix = self.environment["SINK_PREFIX"]
        self.tables = [self.named(table["TableInput"]) for table in self.of("AWS::Glue::Table").values()]

    def of(self, kind):
        return {name: body["Properties"] for name, body in self.resources.items() if body["Type"] == kind}

    def named(self, node):
        """The same with the names of the resources that it mentions."""
        match node:
            case {"Ref": name}:
                return self.names[name]
            case {"Fn::Sub": text}:
                for name, value in self.names.items():
                    text = text.replace(f"${{{name}}}", value)
                return text.replace("${!", "${")
            case dict():
                return {key: self.named(value) for key, value in node.items()}
            case list():
                return [self.named(value) for value in node]
        return node

    def create(self, address):
        glue = boto3.client(
            "glue",
            endpoint_url=address,
            region_name=servers.KEYS["AWS_REGION"],
            aws_access_key_id="tickerlake",
            aws_secret_access_key="tickerlake",
        )
        glue.create_database(DatabaseInput=self.named(self.database))
        for table in self.tables:
            table = table | {"StorageDescriptor": FILLED_IN | table["StorageDescriptor"]}
            glue.create_table(DatabaseName=self.database_name, TableInput=table)
