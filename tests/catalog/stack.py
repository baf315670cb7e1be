"""Creates the template's database and tables in Glue."""

import boto3

import files
import resolve
import servers

# Names that AWS chooses when it creates a resource.
PHYSICAL_NAMES = {"Lake": servers.BUCKET}
# Values that Glue returns for omitted properties, which moto does not.
DEFAULTS = {"Compressed": False, "NumberOfBuckets": 0, "StoredAsSubDirectories": False}


class Stack:
    """The catalog and the function's environment of the template with these parameters."""

    def __init__(self, given):
        self.given = given
        self.resources = resolve.resolve(files.load(given), given)["Resources"]
        self.database = self.properties("AWS::Glue::Database")["Database"]["DatabaseInput"]
        self.database_name = self.database["Name"]
        self.names = PHYSICAL_NAMES | {"Database": self.database_name}
        [function] = self.properties("AWS::Lambda::Function").values()
        variables = self.substitute_names(function["Environment"]["Variables"])
        self.environment = {name: str(value) for name, value in variables.items()}
        [mapping] = self.properties("AWS::Lambda::EventSourceMapping").values()
        [self.topic] = mapping["Topics"]
        self.prefix = self.environment["SINK_PREFIX"]
        self.tables = [self.substitute_names(table["TableInput"]) for table in self.properties("AWS::Glue::Table").values()]

    def properties(self, kind):
        return {name: body["Properties"] for name, body in self.resources.items() if body["Type"] == kind}

    def substitute_names(self, node):
        """Replaces references to resources with their physical names."""
        match node:
            case {"Ref": name}:
                return self.names[name]
            case {"Fn::Sub": text}:
                for name, value in self.names.items():
                    text = text.replace(f"${{{name}}}", value)
                return text.replace("${!", "${")
            case dict():
                return {key: self.substitute_names(value) for key, value in node.items()}
            case list():
                return [self.substitute_names(value) for value in node]
        return node

    def set_types(self, name, types):
        """Changes the types of columns of a table, as an operator can in Glue."""
        for table in self.tables:
            for column in table["StorageDescriptor"]["Columns"]:
                if table["Name"] == name:
                    column["Type"] = types.get(column["Name"], column["Type"])

    def create(self, address):
        glue = boto3.client(
            "glue",
            endpoint_url=address,
            region_name=servers.KEYS["AWS_REGION"],
            aws_access_key_id="tickerlake",
            aws_secret_access_key="tickerlake",
        )
        glue.create_database(DatabaseInput=self.substitute_names(self.database))
        for table in self.tables:
            table = table | {"StorageDescriptor": DEFAULTS | table["StorageDescriptor"]}
            glue.create_table(DatabaseName=self.database_name, TableInput=table)
