# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The robot's side of a step: run own layers, cross, wait with a deadline, go on.

There is no retry inside a step: decode frames change a KV cache on the other side, so any
failure abandons the step, tells the cloud so, and is raised. The next step starts clean.
One thread owns a session.
"""

from __future__ import annotations

import dataclasses
import logging
import secrets
import time
from collections.abc import Callable

from roboecc_core.data_plane.codec import CODEC_IDS
from roboecc_core.data_plane.frame import (
    ErrorCode,
    Frame,
    FrameKind,
    WireTensor,
    decode,
    encode,
    peer_error,
)
from roboecc_core.data_plane.hello import HostDescription, hello_frame
from roboecc_core.data_plane.segment import Segment, StepState
from roboecc_core.data_plane.transport import Transport
from roboecc_core.errors import (
    PeerError,
    ProtocolError,
    RoboEccError,
    SpanNotResidentError,
    StepTimeoutError,
)
from roboecc_core.planning.structure import StepPlan, Visit, layer_ranges, plan_step
from roboecc_core.types import CloudSpan, Exchange

_log = logging.getLogger(__name__)
_GIB = 2**30
# A HELLO is two small frames; on a link where it takes longer no step would succeed.
_HELLO_TIMEOUT_S = 2.0


@dataclasses.dataclass(slots=True)
class StepRecord:
    """Where one step's time and bytes went, as the robot saw it; seconds and bytes."""

    edge_s: float = 0.0
    encode_s: float = 0.0
    cloud_s: float = 0.0
    network_s: float = 0.0
    decode_s: float = 0.0
    exchanges: list[Exchange] = dataclasses.field(default_factory=list)

    @property
    def bytes_up(self) -> int:
        """Frame bytes sent."""
        return sum(exchange.bytes_up for exchange in self.exchanges)

    @property
    def bytes_down(self) -> int:
        """Frame bytes received."""
        return sum(exchange.bytes_down for exchange in self.exchanges)


class EdgeSession:
    """One robot's conversation with one cloud.

    Args:
        segment: the layers that the robot holds.
        transport: the link; may be down at any time.
        model_id: 16 bytes, from the manifest.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        segment: Segment,
        transport: Transport,
        *,
        model_id: bytes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.segment = segment
        self.cloud: HostDescription | None = None
        self._transport = transport
        self._model_id = model_id
        self._clock = clock
        self._session = secrets.randbits(64)
        self._plans: dict[CloudSpan, StepPlan] = {}

    def hello(self) -> HostDescription:
        """Introduce the robot and learn what the cloud holds.

        Raises:
            PeerError: the cloud refuses; `code` MODEL_MISMATCH names both models.
            TransportError: the cloud does not answer.
            ProtocolError: what answers is no RoboECC cloud of this version.
        """
        own = HostDescription.of(self.segment)
        request = hello_frame(own, session=self._session, model_id=self._model_id)
        reply = decode(self._transport.exchange(encode(request), timeout_s=_HELLO_TIMEOUT_S))
        if reply.kind is not FrameKind.HELLO:
            raise _refusal(reply)
        self.cloud = HostDescription.from_frame(reply)
        return self.cloud

    def plan(self, span: CloudSpan) -> StepPlan:
        """Return the crossings of a step under `span` (remembered)."""
        if span not in self._plans:
            self._plans[span] = plan_step(self.segment.chain, span)
        return self._plans[span]

    def step(
        self, step: int, state: StepState, span: CloudSpan, *, codec: str, deadline_s: float
    ) -> StepRecord:
        """Run one whole step; on return `state.tensors` holds the chain's outputs.

        Args:
            step: must grow from call to call.
            state: holds the chain's inputs.
            span: what the cloud runs in this step.
            codec: how activations travel.
            deadline_s: on the session's clock; no wait goes beyond it.

        Raises:
            SpanNotResidentError: one of the hosts does not hold its layers; nothing was run.
            TransportError, ProtocolError: the step was abandoned and the cloud told so.
        """
        plan = self.plan(span)
        self.segment.require(e.layer_index for v in plan.visits[::2] for e in v.executions)
        record = StepRecord()
        if plan.round_trips:
            self._require_in_cloud(span)
        try:
            for index in range(plan.round_trips):
                self._run(plan.visits[2 * index], state, record)
                there, back = plan.visits[2 * index + 1 : 2 * index + 3]
                request = self._request(step, span, codec, there)
                self._cross(request, there, back, state, record, deadline_s)
            self._run(plan.visits[-1], state, record)
        except RoboEccError as error:
            if plan.round_trips:
                self._abandon(step, span)
            if isinstance(error, PeerError) and error.code == ErrorCode.NOT_READY:
                self.cloud = None  # it restarted; the next step introduces itself again
            raise
        return record

    def close(self) -> None:
        """Give the link up."""
        self._transport.close()

    @property
    def edge_gib(self) -> float:
        """Memory of the layers held here."""
        return self.segment.resident_bytes / _GIB

    @property
    def cloud_gib(self) -> float:
        """Memory of the layers that the cloud holds; 0 while it is unknown."""
        return self.cloud.resident_bytes / _GIB if self.cloud else 0.0

    def _require_in_cloud(self, span: CloudSpan) -> None:
        cloud = self.cloud or self.hello()
        missing = set(range(span.start, span.stop)) - cloud.resident
        if missing:
            raise SpanNotResidentError(
                f"span {span} needs layers {layer_ranges(missing)} in the cloud, which holds "
                f"{layer_ranges(cloud.resident)}; choose a span inside them or start the cloud "
                "with more layers"
            )

    def _run(self, visit: Visit, state: StepState, record: StepRecord) -> None:
        started_s = self._clock()
        self.segment.run(visit, state)
        record.edge_s += self._clock() - started_s

    def _request(self, step: int, span: CloudSpan, codec: str, visit: Visit) -> Frame:
        return Frame(
            FrameKind.ACTIVATION,
            step=step,
            phase=self.segment.chain.phase_index(visit.phase),
            iteration=visit.iteration,
            session=self._session,
            model_id=self._model_id,
            span=span,
            codec=CODEC_IDS[codec],
        )

    def _cross(
        self,
        request: Frame,
        there: Visit,
        back: Visit,
        state: StepState,
        record: StepRecord,
        deadline_s: float,
    ) -> None:
        """Send what the cloud needs, wait, take what comes back."""
        started_s = self._clock()
        tensors: tuple[WireTensor, ...] = self.segment.export(there.arrival_names, state)
        timeout_s = deadline_s - started_s
        if timeout_s <= 0:
            raise StepTimeoutError(f"step {request.step} passed its deadline before it crossed")
        payload = encode(dataclasses.replace(request, budget_s=timeout_s, tensors=tensors))
        encoded_s = self._clock()
        answer = self._transport.exchange(payload, timeout_s=max(deadline_s - encoded_s, 0.0))
        answered_s = self._clock()
        reply = decode(answer)
        if reply.kind not in (FrameKind.ACTIVATION, FrameKind.CHUNK):
            raise _refusal(reply)
        _require_answer(request, reply)
        self.segment.accept(back, reply.tensors, state)
        record.encode_s += encoded_s - started_s
        record.decode_s += self._clock() - answered_s
        record.cloud_s += reply.work_s
        network_s = max(answered_s - encoded_s - reply.work_s, 0.0)
        record.network_s += network_s
        record.exchanges.append(Exchange(len(payload), len(answer), network_s, answered_s))

    def _abandon(self, step: int, span: CloudSpan) -> None:
        cancel = Frame(
            FrameKind.CANCEL,
            step=step,
            session=self._session,
            model_id=self._model_id,
            span=span,
        )
        self._transport.notify(encode(cancel))


def _require_answer(request: Frame, reply: Frame) -> None:
    """Refuse an answer that belongs to another request."""
    for field in ("step", "phase", "iteration", "session", "span"):
        got, expected = getattr(reply, field), getattr(request, field)
        if got != expected:
            raise ProtocolError(f"the answer is for {field} {got}, expected {expected}")


def _refusal(reply: Frame) -> PeerError | ProtocolError:
    if reply.kind in (FrameKind.ERROR, FrameKind.BUSY):
        return peer_error(reply)
    return ProtocolError(f"the cloud answered with a {reply.kind.name} frame")
