"""The stack's broker, or another: that it is there, answers, and is replaced."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from report import Failed, Waiting, last_line

FOLDER = Path(__file__).resolve().parents[2] / "broker"
TRIES = 3  # for a broker that should be there; each of the producer's takes 10 s


def instances(run):
    """The group's instances that are in service."""
    group = run.stack.output("BrokerGroup")
    told = run.aws("autoscaling", "describe-auto-scaling-groups", "--auto-scaling-group-names", group)
    (found,) = told["AutoScalingGroups"]
    return [one["InstanceId"] for one in found["Instances"] if one["LifecycleState"] == "InService"]


def in_service(run):
    found = instances(run)
    if len(found) != 1:
        raise Failed(f"{len(found)} instances in service", "look at the activity of the Auto Scaling group "
                     f"{run.stack.output('BrokerGroup')}, and whether the stack is paused")
    run.instance = found[0]
    return f"{run.instance} is in service"


def answers(run):
    """The step: the broker is reached, logs the user in and has the topic."""
    server = reach(run)
    run.client = ["-b", server]
    config = run.asked.config or (settings(run) if run.stack.has_own_broker else None)
    if config:
        run.client += ["--config", config]
    why = None
    for _ in range(TRIES):
        why = silence(run)
        if why is None:
            return f"{server} answers and has the topic {run.stack.output('Topic')}"
    raise Failed(f"{server}: {why}", advice(run))


def advice(run):
    if run.forward:
        return "look at it by `aws ssm start-session --target " + str(run.instance) + "` and `journalctl -u kafka`"
    return "look at --bootstrap-server and --config, and whether this machine is let in"


def reach(run):
    """The address, once there is something at it."""
    if run.asked.bootstrap_server:
        return run.asked.bootstrap_server
    if run.asked.public:
        return run.stack.output("PublicBootstrapServers")
    server = run.stack.output("LocalBootstrapServers")
    if is_open(server):
        raise Failed(f"something is at {server} already", "end it, or if it is broker/forward of this stack, say "
                     f"--bootstrap-server {server}")
    start_forward(run)
    run.report.until(lambda: forwarded(run, server), "look whether the instance is known to Session Manager: "
                     "`aws ssm describe-instance-information`", pause=0.5)
    return server


def settings(run):
    """client.properties from the stack's secrets, in a folder that is removed at the end."""
    ran = subprocess.run([FOLDER / "client-properties", "--stack", run.stack.name, run.scratch], capture_output=True,
                         text=True, timeout=300, stdin=subprocess.DEVNULL, check=False)
    if ran.returncode != 0:
        raise Failed(f"broker/client-properties: {last_line(ran.stderr)}",
                     "it needs the permission secretsmanager:GetSecretValue on ProducerSecret and CaSecret")
    return last_line(ran.stdout)


def silence(run):
    """Why the broker does not answer, or None: the producer looks for the topic before it reads a row."""
    empty = run.scratch / "no-rows.csv"
    empty.write_text("Symbol,Date\n")
    ran = run.program("producer", empty, "-t", run.stack.output("Topic"), *run.client, timeout=120)
    return None if ran.returncode == 0 else last_line(ran.stderr)


def is_open(server):
    host, port = server.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True


def start_forward(run):
    said = (run.scratch / "forward").open("w")
    # A group of its own: the session's plugin is a child of a child.
    run.forward = subprocess.Popen([FOLDER / "forward", run.stack.name], stdin=subprocess.DEVNULL, stdout=said,
                                   stderr=subprocess.STDOUT, start_new_session=True)
    said.close()


def forwarded(run, server):
    if run.forward.poll() is not None:
        raise Failed(f"broker/forward: {last_line((run.scratch / 'forward').read_text())}",
                     "it needs the permission ssm:StartSession on the instance and on AWS-StartPortForwardingSession")
    return True if is_open(server) else Waiting(f"broker/forward has not opened {server}")


def stop_forward(run):
    if run.forward is None:
        return
    # The plugin ends its session at the first, which the CLI itself does not heed.
    for how in signal.SIGINT, signal.SIGTERM, signal.SIGKILL:
        try:
            os.killpg(run.forward.pid, how)
            run.forward.wait(timeout=5)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    run.forward.wait()
    run.forward = None


def replaced(run):
    """The step: terminates the instance, and waits until another one is in service and Kafka answers on it."""
    print("... terminating the broker's instance; the next one takes about five minutes", file=sys.stderr, flush=True)
    before = run.instance
    by_session = run.forward is not None
    stop_forward(run)
    run.aws("autoscaling", "terminate-instance-in-auto-scaling-group", "--instance-id", before,
            "--no-should-decrement-desired-capacity")
    group = run.stack.output("BrokerGroup")
    run.instance = run.report.until(lambda: successor(run, before), f"look at the activity of the group {group}")
    run.report.until(lambda: answers_again(run, by_session), "read /var/log/cloud-init-output.log on it, by "
                     f"`aws ssm start-session --target {run.instance}`")
    return f"{run.instance} is in the place of {before} and lets the same user in by the same certificate"


def successor(run, before):
    others = [one for one in instances(run) if one != before]
    return others[0] if others else Waiting(f"no instance in service in the place of {before}")


def answers_again(run, by_session):
    """The settings are those of before: the next instance has to take them."""
    server = run.client[1]
    if by_session and not is_open(server):
        # The agent of an instance that has just begun is not known to Session Manager yet.
        if run.forward is None or run.forward.poll() is not None:
            stop_forward(run)
            start_forward(run)
        return Waiting(f"{run.instance} is in service, but no session reaches it yet")
    why = silence(run)
    if why and by_session:
        stop_forward(run)  # a session that began before Kafka may stay deaf
    return True if why is None else Waiting(f"{run.instance} is in service, but Kafka does not answer: {why}")
