# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
import pytest
from rclpy.executors import SingleThreadedExecutor

from roboecc_core.control_plane.forecast import Forecast
from roboecc_core.control_plane.network_monitor import Measurement
from roboecc_edge.split_manager_node import SplitManagerNode
from roboecc_msgs.msg import NetworkEstimate
from roboecc_msgs.srv import SetSpan
from roboecc_ros import conversions, qos
from roboecc_ros.worker import Worker

pytestmark = pytest.mark.ros
EMBED, N = 45, 77


class Fixture:
    """An active manager on a thread of its own, its decisions, and a link to make up."""

    def __init__(self, node, graph, wait_until) -> None:
        self.node, self.graph, self.wait_until = node, graph, wait_until
        self.decisions = []
        qos.create_subscription(graph.node, qos.SPLIT_DECISION, self.decisions.append)
        self._estimates = qos.create_publisher(graph.node.create_publisher, qos.NETWORK_ESTIMATE)
        self.wait_until(
            lambda: self._estimates.get_subscription_count() and self.decisions, "discovery"
        )

    @property
    def span(self):
        return (self.decisions[-1].span_start, self.decisions[-1].span_stop)

    def measure(self, uplink_bytes_per_s, rtt_s):
        """Publish what a monitor would."""
        measured = Measurement(uplink_bytes_per_s, 0.0) if uplink_bytes_per_s else None
        value = uplink_bytes_per_s or 0.0
        message = conversions.estimate_to_msg(
            NetworkEstimate.UPLINK,
            measured,
            Forecast(value, value, value, value) if measured else None,
            rtt_s=rtt_s,
            horizon_s=0.5,
            stamp=conversions.stamp(0.0),
        )
        self._estimates.publish(message)

    def set_span(self, start, stop, codec=""):
        request = SetSpan.Request(span_start=start, span_stop=stop, codec=codec)
        return self.graph.call(SetSpan, "set_span", request)


@pytest.fixture
def manager(make_node, graph, wait_until):
    def make(**parameters):
        node = make_node(SplitManagerNode, **parameters)
        node.trigger_configure()
        node.trigger_activate()
        executor = SingleThreadedExecutor()
        executor.add_node(node)

        def spin(stop):
            while not stop.is_set():
                executor.spin_once(timeout_sec=0.05)

        workers.append(Worker("manager", spin, pytest.fail))
        return Fixture(node, graph, wait_until)

    workers = []
    yield make
    for worker in workers:
        worker.stop()


def test_first_candidate_is_decided_at_activation_for_late_listeners_too(manager):
    assert manager().span == (EMBED, N)


def test_set_span_pins_a_candidate_and_auto_gives_the_choice_back(manager):
    made = manager()
    assert made.set_span(0, N).accepted
    made.wait_until(lambda: made.span == (0, N), "the pinned span")
    assert made.decisions[-1].policy == "pinned"
    made.measure(1e6, 0.001)
    assert made.set_span(0, 0, "auto").accepted
    made.wait_until(lambda: made.decisions[-1].policy == "argmin", "the manager's own choice")


@pytest.mark.parametrize(("start", "stop", "codec"), [(1, 2, ""), (0, N, "zip"), (9, 3, "")])
def test_set_span_refuses_what_is_no_candidate_and_changes_nothing(manager, start, stop, codec):
    made = manager()
    answer = made.set_span(start, stop, codec)
    assert not answer.accepted
    assert answer.message
    assert made.span == (EMBED, N)


def test_edge_only_takes_over_while_the_cloud_is_away_and_goes_when_it_returns(manager):
    made = manager(spans="embed:n,0:0")
    made.measure(1e7, 0.001)
    made.measure(1e7, None)
    made.wait_until(lambda: made.span == (0, 0), "edge-only")
    assert "unreachable" in made.decisions[-1].reason
    made.measure(1e7, 0.001)
    made.wait_until(lambda: made.span == (EMBED, N), "the cloud again")


def test_last_decision_stays_when_nothing_is_left(manager):
    made = manager(spans="embed:n")
    made.measure(1e7, 0.001)
    made.wait_until(lambda: made.decisions[-1].expected_latency_s > 0, "a prediction")
    made.measure(1e7, None)
    made.measure(1e7, 0.001)
    assert made.span == (EMBED, N)
