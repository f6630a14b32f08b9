# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What the cloud remembers of each robot's step, and the order it insists on.

A session executes only the next (step, phase, iteration), answers an exact repeat from its
last reply and refuses the rest, because decode frames change a KV cache. A step's state is
dropped on CANCEL, on a newer step of the session, at its end and at its deadline.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable

from roboecc_core.data_plane.frame import ErrorCode, Frame, FrameKind
from roboecc_core.data_plane.segment import Segment, StepState
from roboecc_core.errors import ConfigError, ProtocolError, SpanNotResidentError
from roboecc_core.planning.structure import LayerChain, StepPlan, plan_step
from roboecc_core.types import CloudSpan

_NO_STEP = -1


class Refusal(Exception):  # noqa: N818  it names what the peer gets, an ERROR frame
    """A request that is answered with an ERROR frame of this code and sentence."""

    def __init__(self, code: ErrorCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclasses.dataclass(slots=True)
class _Session:
    """One robot's step in progress."""

    number: int
    step: int = _NO_STEP
    plan: StepPlan | None = None
    next_trip: int = 0
    state: StepState | None = None
    deadline_s: float = 0.0
    last_checksum: bytes = b""
    last_reply: Frame | None = None
    is_abandoned: bool = False

    def forget(self) -> None:
        """Free the step's tensors and caches; which step it was stays known."""
        self.state = None
        self.last_reply = None
        self.last_checksum = b""


class CloudSteps:
    """The sessions of all robots. `serve` belongs to one thread; the rest to any."""

    def __init__(self, segment: Segment, *, clock: Callable[[], float]) -> None:
        self._segment = segment
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, _Session] = {}
        self._plans: dict[CloudSpan, StepPlan] = {}

    @property
    def steps_in_progress(self) -> int:
        """How many robots have state here now."""
        with self._lock:
            return sum(session.state is not None for session in self._sessions.values())

    def open(self, robot: str, session: int) -> None:
        """Start a session; an older one of the same robot ends."""
        with self._lock:
            known = self._sessions.get(robot)
            if known is None or known.number != session:
                self._sessions[robot] = _Session(session)

    def cancel(self, robot: str, frame: Frame) -> None:
        """Drop the state of the step that `frame` names, and all that comes late for it."""
        with self._lock:
            session = self._sessions.get(robot)
            if session and session.number == frame.session and session.step <= frame.step:
                session.step = frame.step
                session.is_abandoned = True
                session.forget()

    def drop_expired(self) -> None:
        """Free the state of steps whose robots no longer wait."""
        now_s = self._clock()
        with self._lock:
            for session in self._sessions.values():
                if session.state is not None and session.deadline_s < now_s:
                    session.is_abandoned = True
                    session.forget()

    def serve(self, robot: str, frame: Frame, *, checksum: bytes, deadline_s: float) -> Frame:
        """Execute the visit that `frame` asks for and return the reply.

        Raises:
            Refusal: the frame is out of order, late, or asks for what this host cannot do.
            ProtocolError: its tensors are not those that the visit expects.
        """
        self.drop_expired()
        with self._lock:
            session = self._sessions.get(robot)
            if session is None or session.number != frame.session:
                raise Refusal(ErrorCode.NOT_READY, "no such session here; say HELLO first")
            if checksum == session.last_checksum and session.last_reply is not None:
                return session.last_reply
            if self._clock() > deadline_s:
                raise Refusal(ErrorCode.DEADLINE, f"step {frame.step} came after its deadline")
            plan, trip, state = self._admit(session, frame, deadline_s)
        reply = self._execute(plan, trip, state, frame)
        with self._lock:
            if session.state is state:  # else it was cancelled while it ran
                session.next_trip = trip + 1
                session.last_checksum, session.last_reply = checksum, reply
                if reply.kind is FrameKind.CHUNK:
                    session.state = None  # the step is over; its last reply stays for a repeat
        return reply

    def _admit(
        self, session: _Session, frame: Frame, deadline_s: float
    ) -> tuple[StepPlan, int, StepState]:
        """Check that this frame is the session's next; begin a step if it is its first."""
        if frame.step < session.step:
            raise Refusal(
                ErrorCode.OUT_OF_ORDER, f"step {frame.step} is older than step {session.step}"
            )
        if frame.step == session.step and session.is_abandoned:
            raise Refusal(ErrorCode.ABANDONED, f"step {frame.step} was abandoned")
        plan = self._plan(frame.span)
        trip = _trip_of(plan, self._segment.chain, frame)
        if frame.step > session.step:
            if trip != 0:
                raise Refusal(
                    ErrorCode.OUT_OF_ORDER, f"step {frame.step} begins with its crossing {trip}"
                )
            session.forget()
            session.step, session.plan, session.next_trip = frame.step, plan, 0
            session.state, session.is_abandoned = StepState(), False
        if session.plan is not plan:
            raise Refusal(ErrorCode.OUT_OF_ORDER, "the span changed within a step")
        if trip != session.next_trip or session.state is None:
            raise Refusal(
                ErrorCode.OUT_OF_ORDER,
                f"step {frame.step}: crossing {trip} came, {session.next_trip} is next",
            )
        session.deadline_s = deadline_s
        return plan, trip, session.state

    def _plan(self, span: CloudSpan) -> StepPlan:
        if span not in self._plans:
            try:
                self._segment.require(range(span.start, span.stop))
                self._plans[span] = plan_step(self._segment.chain, span)
            except (SpanNotResidentError, ConfigError) as error:
                raise Refusal(ErrorCode.SPAN_NOT_RESIDENT, str(error)) from error
        return self._plans[span]

    def _execute(self, plan: StepPlan, trip: int, state: StepState, frame: Frame) -> Frame:
        here, back = plan.visits[2 * trip + 1 : 2 * trip + 3]
        self._segment.accept(here, frame.tensors, state)
        self._segment.run(here, state)
        is_last = trip + 1 == plan.round_trips
        kind = FrameKind.CHUNK if is_last else FrameKind.ACTIVATION
        return frame.reply(kind, self._segment.export(back.arrival_names, state))


def _trip_of(plan: StepPlan, chain: LayerChain, frame: Frame) -> int:
    """Return which crossing of the plan a frame is.

    Raises:
        ProtocolError: the plan has no crossing of that phase and iteration.
    """
    for trip, visit in enumerate(plan.cloud_visits):
        if (chain.phase_index(visit.phase), visit.iteration) == (frame.phase, frame.iteration):
            return trip
    raise ProtocolError(
        f"span {plan.span} has no crossing at phase {frame.phase}, iteration {frame.iteration}"
    )
