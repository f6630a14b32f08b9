# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The robot's part of the split model: image in, action chunk out."""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import Any

from roboecc_core.backends.catalog import use_threads
from roboecc_core.backends.policy import PolicyStep
from roboecc_core.data_plane.codec import CODEC_IDS
from roboecc_core.data_plane.transport.zenoh_config import checked_endpoint, checked_robot
from roboecc_core.errors import ConfigError
from roboecc_edge.step_loop import Observation, StepLoop, StepSettings
from roboecc_msgs.srv import SetInstruction
from roboecc_ros import conversions, parameters, qos
from roboecc_ros.described import described
from roboecc_ros.lifecycle import ManagedNode
from roboecc_ros.model_structure import parse_span
from roboecc_ros.runner import run_node
from roboecc_ros.segment_loader import SegmentLoader, open_named
from roboecc_ros.worker import Worker


@dataclasses.dataclass(frozen=True, slots=True)
class Parameters:
    """What the user sets."""

    model: str = described("nano", "nano, or a checkpoint folder in OpenVLA's layout")
    seed: int = described(0, "of a built-in model's weights", bounds=(0, 2**31 - 1))
    unnorm_key: str = described("", "whose action statistics, where a checkpoint has several")
    device: str = described("auto", "auto (CUDA if there is one), cpu, cuda, cuda:1, ...")
    threads: int = described(0, "CPU threads of the model; 0: torch's choice", bounds=(0, 256))
    layers: str = described("all", "layers held here: all, or START:STOP,...")
    endpoint: str = described("", "the cloud's tcp/HOST:PORT; empty: none", name="cloud.endpoint")
    robot: str = described("robot", "this robot's name, as the cloud knows it")
    span: str = described("embed:n", "layers run in the cloud until a split decision comes")
    codec: str = described("raw", "how tensors travel until then", choices=tuple(CODEC_IDS))
    instruction: str = described("wait", "what to do, until somebody says otherwise")
    timeout_s: float = described(
        2.0, "a step is given up after this", name="step.timeout_s", bounds=(0.05, 60.0)
    )
    period_s: float = described(
        0.1, "how long one action lasts", name="action.period_s", bounds=(0.01, 2.0)
    )
    valid_for_s: float = described(
        0.5,
        "how long after the capture actions may be acted on",
        name="action.valid_for_s",
        bounds=(0.05, 10.0),
    )


class EdgeSegmentNode(ManagedNode):
    """Wires messages to a StepLoop; its callbacks never wait."""

    def __init__(self) -> None:
        super().__init__("edge_segment")
        self._loader: SegmentLoader | None = None
        self._loop: StepLoop | None = None
        self._worker: Worker | None = None

    def configure(self) -> None:
        """Open the model, begin to load its weights."""
        self._settings = p = parameters.declare(self, Parameters)
        checked_robot(p.robot)
        settings = StepSettings(p.endpoint, p.robot, p.period_s, p.valid_for_s, p.timeout_s)
        if p.endpoint:
            checked_endpoint(p.endpoint)
        use_threads(p.threads)
        opened = open_named(p.model, seed=p.seed, device=p.device, unnorm_key=p.unnorm_key)
        span = parse_span(p.span, opened.model.chain)
        self._chunks = self.add_publisher(qos.ACTION_CHUNK)
        self._timings = self.add_publisher(qos.STEP_TIMING)
        self._loader = SegmentLoader(self, opened, p.layers)
        self._loop = StepLoop(
            opened, self._loader, settings, diagnostics=self.diagnostics, publish=self._publish
        )
        self._loop.deploy(span, p.codec)
        self._loop.instruct(p.instruction)

    def activate(self) -> None:
        """Take images."""
        loop = self._configured_loop
        loop.images.clear()
        self.add_subscription(qos.INSTRUCTION, self._on_instruction)
        self.add_subscription(qos.SPLIT_DECISION, self._on_decision)
        self.add_subscription(qos.IMAGE, self._on_image)
        self.add_service(SetInstruction, "set_instruction", self._on_set_instruction)
        self._worker = Worker("steps", loop.run, self.fail)

    def deactivate(self) -> None:
        """Take no more images; a step under way ends with its time limit at the latest."""
        if self._worker:
            self._worker.stop(self._settings.timeout_s + 1.0)
        self._worker = None

    def cleanup(self) -> None:
        """Forget the model."""
        if self._loader:
            self._loader.stop()
        self._loader = self._loop = None

    @property
    def _configured_loop(self) -> StepLoop:
        if self._loop is None:
            raise ConfigError("the node is not configured")
        return self._loop

    def _on_image(self, message: Any) -> None:
        received_s = time.monotonic()
        self._configured_loop.images.put(Observation(message, received_s, self._now_s))

    def _now_s(self) -> float:
        return float(self.get_clock().now().nanoseconds / 1e9)

    def _on_decision(self, message: Any) -> None:
        self._configured_loop.deploy(conversions.span_from_msg(message), message.codec)

    def _on_instruction(self, message: Any) -> None:
        self._configured_loop.instruct(message.data)

    def _on_set_instruction(self, request: Any, response: Any) -> Any:
        try:
            self._configured_loop.instruct(request.instruction)
            response.accepted = True
        except ConfigError as error:
            response.message = str(error)
        return response

    def _publish(self, step: PolicyStep, observation: Observation) -> None:
        """Runs on the steps' thread."""
        self._chunks.publish(
            conversions.chunk_to_msg(step.chunk, observation.message.header.stamp)
        )
        dropped, now = self._configured_loop.images.num_dropped, conversions.stamp(self._now_s())
        self._timings.publish(conversions.timing_to_msg(step.timing, step.exchanges, now, dropped))


def main() -> int:
    """Run the node; the process's exit code is returned."""
    return run_node(EdgeSegmentNode)


if __name__ == "__main__":
    sys.exit(main())
