"""The stack: its state, its parameters, its outputs."""

from cli import AwsError
from report import Failed, number

ALWAYS = "Bucket Crawler Database EventSource Function History Logs Topic WorkGroup".split()
OWN_BROKER = "BootstrapServers BrokerGroup BrokerVolume CaSecret LocalBootstrapServers ProducerSecret".split()
# What there is only where a parameter is not empty.
IF_GIVEN = {"Crawler": "CrawlerSchedule", "History": "HistorySchedule", "PublicBootstrapServers": "PublicCidr"}
GOOD = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}


class Stack:
    def __init__(self, aws, name):
        self.aws, self.name = aws, name
        (told,) = aws("cloudformation", "describe-stacks", "--stack-name", name)["Stacks"]
        self.status = told["StackStatus"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in told.get("Outputs", [])}
        self.parameters = {one["ParameterKey"]: one["ParameterValue"] for one in told.get("Parameters", [])}
        self.has_own_broker = not self.parameters.get("BootstrapServers")

    def has(self, output):
        """True, or why the stack has no such part."""
        parameter = IF_GIVEN[output]
        return f"{parameter} is empty" if self.parameters.get(parameter) == "" else True

    def output(self, name):
        if name not in self.outputs:
            raise Failed(f"the stack has no output {name}", "deploy the present template.yaml")
        return self.outputs[name]

    def resources(self, kind):
        """The names of the stack's resources of a type."""
        told = self.aws("cloudformation", "list-stack-resources", "--stack-name", self.name)
        found = told["StackResourceSummaries"]
        return [one["PhysicalResourceId"] for one in found if one["ResourceType"] == kind]

    def is_complete(self):
        """The step: the state is a good one, and the outputs are those of the parameters."""
        if self.status not in GOOD:
            raise Failed(f"{self.status}: {self._first_reason()}", "mend that and run `sam deploy` again")
        if self.parameters.get("Paused") == "true":
            raise Failed("it is paused", "run `sam deploy --parameter-overrides Paused=false`")
        wanted = ALWAYS + (OWN_BROKER + ["PublicBootstrapServers"] if self.has_own_broker else [])
        wanted = [name for name in wanted if name not in IF_GIVEN or self.has(name) is True]
        missing = [name for name in wanted if name not in self.outputs]
        if missing:
            raise Failed(f"no output {', '.join(missing)}", "deploy the present template.yaml")
        whose = "a broker of its own" if self.has_own_broker else "brokers that were there"
        return f"{self.status}, {number(len(self.outputs))} outputs, {whose}"

    def _first_reason(self):
        """Of what has failed since the last good state, the first; the others follow from it."""
        try:
            events = self.aws("cloudformation", "describe-stack-events", "--stack-name", self.name)["StackEvents"]
        except AwsError as error:
            return str(error)
        first = "see its events in the CloudFormation console"
        for event in events:  # newest first
            if event.get("LogicalResourceId") == self.name and event.get("ResourceStatus") in GOOD:
                break
            if event.get("ResourceStatus", "").endswith("_FAILED") and "cancelled" not in event.get("ResourceStatusReason", ""):
                first = f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason')}"
        return first
