"""The stack's broker or existing brokers: in service, reachable, and replaceable."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from report import Failed, Pending, counted, last_line

FOLDER = Path(__file__).resolve().parents[1] / "broker"
ATTEMPTS = 3  # to reach a broker that should be running; the producer gives up each attempt after 10 s


def instances(run):
    """Returns the ids of the Auto Scaling group's instances that are in service."""
    group = run.stack.output("BrokerGroup")
    described = run.aws("autoscaling", "describe-auto-scaling-groups", "--auto-scaling-group-names", group)
    (found,) = described["AutoScalingGroups"]
    return [one["InstanceId"] for one in found["Instances"] if one["LifecycleState"] == "InService"]


def in_service(run):
    """Step: exactly one instance is in service."""
    found = instances(run)
    if len(found) != 1:
        raise Failed(f"{counted(len(found), 'instance')} in service", "see the activity of the Auto Scaling group "
                     f"{run.stack.output('BrokerGroup')}, and check whether the stack is paused")
    run.instance = found[0]
    return f"{run.instance} is in service"


def answers(run):
    """Step: the broker is reachable, accepts the login and has the topic."""
    server = connect(run)
    run.client = ["-b", server]
    config = run.asked.config or (client_properties(run) if run.stack.has_own_broker else None)
    if config:
        run.client += ["--config", config]
    error = None
    for _ in range(ATTEMPTS):
        error = connection_error(run)
        if error is None:
            return f"{server} answers and has the topic {run.stack.output('Topic')}"
    raise Failed(f"{server}: {error}", remedy(run))


def remedy(run):
    if run.forward:
        return "run `aws ssm start-session --target " + str(run.instance) + "`, and there `sudo journalctl -u kafka`"
    return "check --bootstrap-server and --config, and whether the brokers accept connections from this machine"


def connect(run):
    """Returns the broker's address, after opening a session to it if one is needed."""
    if run.asked.bootstrap_server:
        return run.asked.bootstrap_server
    if run.asked.public:
        return run.stack.output("PublicBootstrapServers")
    server = run.stack.output("LocalBootstrapServers")
    if is_open(server):
        raise Failed(f"{server} is already in use", "end the program that listens there; if it is deploy/broker/forward for "
                     f"this stack, pass --bootstrap-server {server} instead")
    start_forward(run)
    run.report.wait_until(lambda: forward_is_open(run, server), "check that Session Manager lists the instance: "
                          "`aws ssm describe-instance-information`", pause=0.5)
    return server


def client_properties(run):
    """Writes client.properties from the stack's secrets to a folder that is removed at the end."""
    process = subprocess.run([FOLDER / "client-properties", "--stack", run.stack.name, run.scratch],
                             capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, check=False)
    if process.returncode != 0:
        raise Failed(f"deploy/broker/client-properties: {last_line(process.stderr)}",
                     "it needs the permission secretsmanager:GetSecretValue on ProducerSecret and CaSecret")
    return last_line(process.stdout)


def connection_error(run):
    """Returns why the broker does not answer, or None. The producer looks for the topic before it reads a row."""
    empty = run.scratch / "no-rows.csv"
    empty.write_text("Symbol,Date\n")
    process = run.program("producer", empty, "-t", run.stack.output("Topic"), *run.client, timeout=120)
    return None if process.returncode == 0 else last_line(process.stderr)


def is_open(server):
    """Returns whether a program accepts connections at this address."""
    host, port = server.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True


def start_forward(run):
    log = (run.scratch / "forward").open("w")
    # In its own process group, because the session's plugin is a grandchild.
    run.forward = subprocess.Popen([FOLDER / "forward", run.stack.name], stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT, start_new_session=True)
    log.close()


def forward_is_open(run, server):
    if run.forward.poll() is not None:
        raise Failed(f"deploy/broker/forward: {last_line((run.scratch / 'forward').read_text())}",
                     "it needs the permission ssm:StartSession on the instance and on AWS-StartPortForwardingSession")
    return True if is_open(server) else Pending(f"deploy/broker/forward has not opened {server} yet")


def stop_forward(run):
    if run.forward is None:
        return
    # SIGINT makes the plugin end its session; the CLI itself ignores it.
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGKILL:
        try:
            os.killpg(run.forward.pid, number)
            run.forward.wait(timeout=5)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    run.forward.wait()
    run.forward = None


def replaced(run):
    """Step: terminates the instance and waits until Kafka answers on its replacement."""
    print("... terminating the broker's instance; its replacement takes about five minutes", file=sys.stderr, flush=True)
    before = run.instance
    uses_session = run.forward is not None
    stop_forward(run)
    run.aws("autoscaling", "terminate-instance-in-auto-scaling-group", "--instance-id", before,
            "--no-should-decrement-desired-capacity")
    group = run.stack.output("BrokerGroup")
    run.instance = run.report.wait_until(lambda: replacement(run, before),
                                         f"see the activity of the Auto Scaling group {group}")
    run.report.wait_until(lambda: replacement_answers(run, uses_session), "run `aws ssm start-session --target "
                          f"{run.instance}`, and there `sudo cat /var/log/cloud-init-output.log`")
    return f"{run.instance} has replaced {before} and accepts the same user with the same certificate"


def replacement(run, before):
    others = [one for one in instances(run) if one != before]
    return others[0] if others else Pending(f"no instance in service to replace {before}")


def replacement_answers(run, uses_session):
    """Connects with the settings of the previous instance, which the replacement must accept."""
    server = run.client[1]
    if uses_session and not is_open(server):
        # Session Manager does not know the agent of an instance that has just started.
        if run.forward is None or run.forward.poll() is not None:
            stop_forward(run)
            start_forward(run)
        return Pending(f"{run.instance} is in service, but no session reaches it yet")
    error = connection_error(run)
    if error and uses_session:
        stop_forward(run)  # a session that was opened before Kafka started may never carry data
    return True if error is None else Pending(f"{run.instance} is in service, but Kafka does not answer: {error}")
