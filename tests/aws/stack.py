"""The stack: its status, parameters and outputs."""

from cli import AwsError
from report import Failed, counted

COMMON_OUTPUTS = "Bucket Crawler Database EventSource Function History Logs Topic WorkGroup".split()
BROKER_OUTPUTS = "BootstrapServers BrokerGroup BrokerVolume CaSecret LocalBootstrapServers ProducerSecret".split()
# Outputs that exist only if a parameter is not empty.
OPTIONAL_OUTPUTS = {"Crawler": "CrawlerSchedule", "History": "HistorySchedule", "PublicBootstrapServers": "PublicCidr"}
COMPLETE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}


class Stack:
    def __init__(self, aws, name):
        self.aws, self.name = aws, name
        (described,) = aws("cloudformation", "describe-stacks", "--stack-name", name)["Stacks"]
        self.status = described["StackStatus"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
        self.parameters = {one["ParameterKey"]: one["ParameterValue"] for one in described.get("Parameters", [])}
        self.has_own_broker = not self.parameters.get("BootstrapServers")

    def has(self, output):
        """Returns True, or the reason why the stack does not have this optional output."""
        parameter = OPTIONAL_OUTPUTS[output]
        return f"{parameter} is empty" if self.parameters.get(parameter) == "" else True

    def output(self, name):
        if name not in self.outputs:
            raise Failed(f"the stack has no output {name}", "deploy the current template.yaml")
        return self.outputs[name]

    def resources(self, kind):
        """Returns the physical ids of the stack's resources of a type."""
        listed = self.aws("cloudformation", "list-stack-resources", "--stack-name", self.name)
        summaries = listed["StackResourceSummaries"]
        return [one["PhysicalResourceId"] for one in summaries if one["ResourceType"] == kind]

    def is_complete(self):
        """Step: the stack is complete and has the outputs that its parameters call for."""
        if self.status not in COMPLETE:
            raise Failed(f"{self.status}: {self._first_failure()}", "correct that and run `sam deploy` again")
        if self.parameters.get("Paused") == "true":
            raise Failed("the stack is paused", "run `sam deploy --parameter-overrides Paused=false`")
        expected = COMMON_OUTPUTS + (BROKER_OUTPUTS + ["PublicBootstrapServers"] if self.has_own_broker else [])
        expected = [name for name in expected if name not in OPTIONAL_OUTPUTS or self.has(name) is True]
        missing = [name for name in expected if name not in self.outputs]
        if missing:
            raise Failed(f"no output {', '.join(missing)}", "deploy the current template.yaml")
        broker = "its own broker" if self.has_own_broker else "existing brokers"
        return f"{self.status}, {counted(len(self.outputs), 'output')}, {broker}"

    def _first_failure(self):
        """Returns the first failure since the stack was last complete; later failures follow from it."""
        try:
            events = self.aws("cloudformation", "describe-stack-events", "--stack-name", self.name)["StackEvents"]
        except AwsError as error:
            return str(error)
        first = "see its events in the CloudFormation console"
        for event in events:  # newest first
            if event.get("LogicalResourceId") == self.name and event.get("ResourceStatus") in COMPLETE:
                break
            if event.get("ResourceStatus", "").endswith("_FAILED") and "cancelled" not in event.get("ResourceStatusReason", ""):
                first = f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        return first
