# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Which layers the cloud runs from the next step on: obeys SetSpan, else picks the fastest."""

from __future__ import annotations

import dataclasses
import math
import sys
from typing import Any

from roboecc_core.backends.chains import chain_of
from roboecc_core.control_plane.split_manager import Candidate, SplitManager
from roboecc_core.errors import ConfigError
from roboecc_core.planning.selection import parse_spans
from roboecc_core.planning.structure import plan_step
from roboecc_msgs.srv import SetSpan
from roboecc_ros import conversions, parameters, qos
from roboecc_ros.described import described
from roboecc_ros.diagnostics import Level
from roboecc_ros.lifecycle import ManagedNode
from roboecc_ros.runner import run_node

AUTO = "auto"  # as SetSpan's codec: the manager's own choice again


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """What the user sets."""

    model: str = described("nano", "nano, or a checkpoint folder in OpenVLA's layout")
    seed: int = described(0, "of a built-in model's weights", bounds=(0, 2**31 - 1))
    dtype: str = described(
        "float32", "of the activations that cross", choices=("float32", "bfloat16")
    )
    spans: str = described("embed:n,0:n", "spans to choose from; 0:0 allows edge-only")
    codecs: str = described("raw", "codecs to choose from, comma-separated")
    edge_only_s: float = described(
        1.0, "what a step takes without the cloud, until a plan says", bounds=(0.0, 600.0)
    )
    hysteresis: float = described(0.1, "share that a switch must save", bounds=(0.0, 0.99))
    has_cloud: bool = described(default=True, description="false: only edge-only can be chosen")


class SplitManagerNode(ManagedNode):
    """Everything belongs to the executor's thread; a decision takes microseconds."""

    def __init__(self) -> None:
        super().__init__("split_manager")

    def configure(self) -> None:
        """Derive from the model's structure what each candidate makes cross."""
        self._settings = p = parameters.declare(self, Parameters)
        self._candidates = _candidates(p)
        SplitManager(self._candidates, hysteresis=p.hysteresis)  # refuses what is no list
        self._decisions = self.add_publisher(qos.SPLIT_DECISION)

    def activate(self) -> None:
        """Decide at once, and again with every estimate."""
        hysteresis = self._settings.hysteresis
        self._manager = SplitManager(self._candidates, hysteresis=hysteresis)
        self._published: tuple[object, ...] = ()
        self._estimates: dict[int, Any] = {}
        self.add_subscription(qos.NETWORK_ESTIMATE, self._on_estimate)
        self.add_service(SetSpan, "set_span", self._on_set_span)
        self._decide()

    def _on_estimate(self, message: Any) -> None:
        self._estimates[message.direction] = message
        self._decide()

    def _on_set_span(self, request: Any, response: Any) -> Any:
        try:
            if request.codec == AUTO:
                self._manager.unpin()
            else:
                self._manager.pin(conversions.span_from_msg(request), request.codec or None)
            response.accepted = True
        except ConfigError as error:
            response.message = str(error)
        self._decide()
        return response

    def _decide(self) -> None:
        link = conversions.link_from_msgs(self._estimates)
        if not self._estimates:  # nothing is known yet: begin as if the cloud were there
            link = dataclasses.replace(link, is_reachable=self._settings.has_cloud)
        before = self._manager.current
        decision = self._manager.update(link)
        if decision is None:
            words = "no candidate is left: the cloud is unreachable; the arm holds"
            self.diagnostics.report(Level.ERROR, words, about="split")
            return
        chosen = decision.candidate
        self.diagnostics.report(
            Level.OK, f"{decision.policy}: {chosen}", about="split", reason=decision.reason
        )
        key = (chosen, decision.policy, math.isnan(decision.expected_latency_s))
        if key != self._published:
            self._published = key
            self._decisions.publish(
                conversions.decision_to_msg(decision, self.get_clock().now().to_msg())
            )
            self.get_logger().info(f"split {before} -> {chosen}: {decision.reason}")


def _candidates(p: Parameters) -> tuple[Candidate, ...]:
    chain = chain_of(p.model, seed=p.seed, dtype=p.dtype)
    result = []
    for span in parse_spans(p.spans, chain):
        plan = plan_step(chain, span)
        codecs = [name.strip() for name in p.codecs.split(",")]
        result += [
            Candidate(
                span=span,
                codec=codec,
                bytes_up=plan.bytes_up,
                bytes_down=plan.bytes_down,
                round_trips=plan.round_trips,
                compute_s=p.edge_only_s if span.is_empty else 0.0,
            )
            for codec in (codecs[:1] if span.is_empty else codecs)
        ]
    return tuple(result)


def main() -> int:
    """Run the node; the process's exit code is returned."""
    return run_node(SplitManagerNode)


if __name__ == "__main__":
    sys.exit(main())
