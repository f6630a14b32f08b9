# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What tests with a ROS graph share: a domain of their own, witnesses, nodes, and deadlines."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rclpy
from lifecycle_msgs.msg import Transition
from rclpy.executors import SingleThreadedExecutor

from roboecc_ros import qos
from roboecc_ros.bringup import NodeSpec
from roboecc_ros.processes import process_of
from roboecc_ros.run_observer import RunObserver
from roboecc_ros.transitions import Transitions
from roboecc_ros.worker import Worker

DEADLINE_S = 60.0  # two busy cores load torch and transformers in 15 s
CONFIGURE = Transition.TRANSITION_CONFIGURE
ACTIVATE = Transition.TRANSITION_ACTIVATE


def wait_until(claim: Callable[[], object], what: str, timeout_s: float = DEADLINE_S) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline_s, f"not within {timeout_s} s: {what}"
        time.sleep(0.01)


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., None]:
    """Return the function that waits for a claim with a deadline."""
    return wait_until


def new_domain() -> int:
    """A DDS domain that no other test is likely to use now."""
    return random.SystemRandom().randint(1, 99)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# ------------------------------------------------------------ watching whole robots


@dataclasses.dataclass(frozen=True)
class Chunk:
    """A chunk as the judge saw it: its step and until when it may be acted on."""

    step: int
    valid_until_s: float


class Witness:
    """Listens to a running robot from the test's own process."""

    def __init__(self, domain_id: int) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain_id)
        self.node = rclpy.create_node("witness", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.observer = RunObserver(self.node)
        self.chunks: dict[int, Chunk] = {}
        qos.create_subscription(self.node, qos.ACTION_CHUNK, self._on_chunk)
        self._worker = Worker("witness", self._spin, self.observer.fail)

    def _spin(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._executor.spin_once(timeout_sec=0.05)

    def _on_chunk(self, message) -> None:
        valid_until_s = time.monotonic() - message.age_s + message.valid_for_s
        self.chunks[message.step] = Chunk(message.step, valid_until_s)

    def topics(self) -> dict[str, list[str]]:
        return dict(self.node.get_topic_names_and_types())

    def wait_for(self, claim: Callable[[], object], timeout_s: float, what: str) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not claim():
            assert time.monotonic() < deadline_s, (
                f"not within {timeout_s} s: {what}; the nodes say {self.observer.troubles}"
            )
            time.sleep(0.02)

    def close(self) -> None:
        self._worker.stop()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)


@pytest.fixture(scope="module")
def witness_factory() -> Iterator[Callable[[], Witness]]:
    """Return a function that makes a witness in a new domain, which child processes inherit."""
    witnesses: list[Witness] = []
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

        def make() -> Witness:
            domain_id = new_domain()
            environment.setenv("ROS_DOMAIN_ID", str(domain_id))
            witnesses.append(Witness(domain_id))
            return witnesses[-1]

        yield make
        for witness in witnesses:
            witness.close()


# ------------------------------------------------------------ single nodes


@pytest.fixture
def domain_id(monkeypatch: pytest.MonkeyPatch) -> int:
    """A DDS domain of the test's own, here and in every child process."""
    number = new_domain()
    monkeypatch.setenv("ROS_DOMAIN_ID", str(number))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    return number


@pytest.fixture
def make_node(domain_id, tmp_path):
    """Return a function that makes a node with parameters, in this process and not spinning."""
    made = []

    def make(node_class, **parameters):
        path = tmp_path / f"parameters{len(made)}.json"
        path.write_text(json.dumps({"/**": {"ros__parameters": parameters}}))
        rclpy.init(args=["--ros-args", "--params-file", str(path)])
        made.append(node_class())
        made[-1].on_fatal = made.append
        return made[-1]

    yield make
    if made:
        if hasattr(made[0], "close"):
            made[0].close()
        made[0].destroy_node()
    rclpy.try_shutdown()
    assert len(made) <= 1, f"the node ended itself: {made[1]!r}"


class Graph:
    """A node of the test's own, spun on a thread, to talk to others."""

    def __init__(self):
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node("tester", context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def _spin(self):
        while not self._stop.is_set():
            self._executor.spin_once(timeout_sec=0.05)

    def change(self, name, transition):
        """Ask for a transition; return whether it succeeded."""
        transitions = Transitions(self.node, [name])
        assert transitions.wait_until_there(name, DEADLINE_S, self._stop), f"{name} is not there"
        answer = transitions.change(name, transition, DEADLINE_S)
        assert answer is not None, f"{name} did not answer"
        return answer

    def call(self, service, name, request, timeout_s=DEADLINE_S):
        """Call a service and return its answer."""
        client = self.node.create_client(service, name)
        assert client.wait_for_service(timeout_sec=timeout_s), f"no service {name}"
        future = client.call_async(request)
        wait_until(future.done, f"{name} answers", timeout_s)
        return future.result()

    def close(self):
        self._stop.set()
        self._thread.join()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def graph(domain_id):
    graph = Graph()
    yield graph
    graph.close()


@dataclasses.dataclass
class NodeProcess:
    process: subprocess.Popen
    log: Path

    @property
    def text(self):
        return self.log.read_text()

    def errors(self):
        """Lines that say that something is wrong."""
        return [line for line in self.text.splitlines() if "[ERROR]" in line or "[FATAL]" in line]

    def wait(self):
        return self.process.wait(DEADLINE_S)


@pytest.fixture
def start_node(domain_id, tmp_path):
    """Return a function that starts a node as a process of its own."""
    started = []

    def start(executable, **parameters):
        name = f"{executable.removesuffix('_node')}"
        spec = NodeSpec(executable, name, "robot", 0, parameters=parameters)
        folder = tmp_path / f"process{len(started)}"
        process = process_of(spec, folder)
        log = folder / "output.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                process.command,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **process.environment},
                start_new_session=True,
            )
        started.append(NodeProcess(popen, log))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGINT)
            try:
                one.process.wait(10.0)
            except subprocess.TimeoutExpired:
                os.killpg(one.process.pid, signal.SIGKILL)
                one.process.wait()
