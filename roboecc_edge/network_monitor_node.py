# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What the link gives: measured by the steps' own transfers and by heartbeats, and forecast."""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import Any

from roboecc_core.control_plane.forecast import LastValue
from roboecc_core.control_plane.network_monitor import Measurement, NetworkMonitor
from roboecc_core.data_plane.transport.zenoh_config import checked_endpoint, checked_robot
from roboecc_core.types import Exchange
from roboecc_edge.heartbeat import Heartbeat
from roboecc_msgs.msg import NetworkEstimate
from roboecc_ros import conversions, parameters, qos
from roboecc_ros.described import described
from roboecc_ros.diagnostics import Level
from roboecc_ros.lifecycle import ManagedNode
from roboecc_ros.runner import run_node
from roboecc_ros.worker import Worker

TICK_S = 0.1  # the output grid, within the 20-100 ms of Eq. 3
HORIZON_TICKS = 5
_QUIET_TICKS = 10  # without news an estimate goes out once a second, with its age
_SILENCE_S = 1.5  # two heartbeats unanswered in a row: the cloud is unreachable


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """What the user sets."""

    endpoint: str = described("", "the cloud's tcp/HOST:PORT; empty: none", name="cloud.endpoint")
    robot: str = described("robot", "this robot's name, as the cloud knows it")


class NetworkMonitorNode(ManagedNode):
    """All state belongs to the executor's thread; heartbeats arrive through a queue."""

    def __init__(self) -> None:
        super().__init__("network_monitor")
        self._heartbeat: Heartbeat | None = None
        self._worker: Worker | None = None

    def configure(self) -> None:
        """Check the parameters."""
        self._settings = p = parameters.declare(self, Parameters)
        checked_robot(p.robot)
        if p.endpoint:
            checked_endpoint(p.endpoint)
        self._estimates = self.add_publisher(qos.NETWORK_ESTIMATE)

    def activate(self) -> None:
        """Begin to measure, from nothing."""
        self._monitor = NetworkMonitor()
        directions = (NetworkEstimate.UPLINK, NetworkEstimate.DOWNLINK)
        self._forecasts = {direction: LastValue() for direction in directions}
        self._published: tuple[object, ...] = ()
        self._quiet_ticks = 0
        self._started_s = self._fed_s = time.monotonic()
        self._exchanges: list[Exchange] = []
        self.add_subscription(qos.STEP_TIMING, self._on_timing)
        self.add_timer(TICK_S, self._tick)
        if self._settings.endpoint:
            self._heartbeat = Heartbeat(self._settings.endpoint, self._settings.robot)
            self._worker = Worker("heartbeat", self._heartbeat.run, self.fail)

    def deactivate(self) -> None:
        """Stop measuring."""
        if self._worker:
            self._worker.stop()
        self._worker = self._heartbeat = None

    def _on_timing(self, message: Any) -> None:
        _, exchanges = conversions.timing_from_msg(message, time.monotonic())
        self._exchanges += exchanges

    def _tick(self) -> None:
        now_s = time.monotonic()
        self._feed()
        estimate = self._monitor.estimate(now_s)
        is_alive = estimate.rtt is not None and estimate.rtt.age_s < _SILENCE_S
        if not is_alive and self._settings.endpoint and now_s - self._started_s < _SILENCE_S:
            return  # too early to say
        rtt_s = estimate.rtt.value if estimate.rtt and is_alive else None
        measured = {
            NetworkEstimate.UPLINK: estimate.uplink,
            NetworkEstimate.DOWNLINK: estimate.downlink,
        }
        for direction, value in measured.items():
            if value is not None:
                self._forecasts[direction].update(value.value)
        news = (rtt_s, *(value.value if value else None for value in measured.values()))
        self._quiet_ticks += 1
        if news != self._published or self._quiet_ticks >= _QUIET_TICKS:
            self._published, self._quiet_ticks = news, 0
            self._publish(measured, rtt_s)
            self._report(rtt_s, estimate.uplink)

    def _feed(self) -> None:
        """Give the monitor what steps and heartbeats brought, in order of time."""
        exchanges, self._exchanges = self._exchanges, []
        while self._heartbeat is not None and not self._heartbeat.exchanges.empty():
            exchanges.append(self._heartbeat.exchanges.get())
        for exchange in sorted(exchanges, key=lambda one: one.ended_s):
            self._fed_s = max(self._fed_s, exchange.ended_s)
            self._monitor.update(dataclasses.replace(exchange, ended_s=self._fed_s))

    def _publish(self, measured: dict[int, Measurement | None], rtt_s: float | None) -> None:
        stamp = self.get_clock().now().to_msg()
        for direction, value in measured.items():
            message = conversions.estimate_to_msg(
                direction,
                value,
                self._forecasts[direction].predict(HORIZON_TICKS),
                rtt_s=rtt_s,
                horizon_s=HORIZON_TICKS * TICK_S,
                stamp=stamp,
            )
            self._estimates.publish(message)

    def _report(self, rtt_s: float | None, uplink: Measurement | None) -> None:
        endpoint = self._settings.endpoint
        if not endpoint:
            self.diagnostics.report(Level.WARN, "no cloud is configured", about="link")
        elif rtt_s is None:
            words = f"the cloud at {endpoint} does not answer"
            self.diagnostics.report(Level.ERROR, words, about="link")
        else:
            self.diagnostics.report(
                Level.OK,
                f"the cloud at {endpoint} answers",
                about="link",
                rtt_ms=f"{rtt_s * 1e3:.2f}",
                uplink_mbit_s=f"{uplink.value * 8e-6:.1f}" if uplink else "unknown",
            )


def main() -> int:
    """Run the node; the process's exit code is returned."""
    return run_node(NetworkMonitorNode)


if __name__ == "__main__":
    sys.exit(main())
