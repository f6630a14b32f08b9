# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The cloud's side: serve any span inside the layers held here, one inference thread.

Transport callbacks only decode and enqueue. Small talk (HELLO, HEARTBEAT, PROBE, CANCEL)
is answered by a thread of its own, so that a long inference never looks like a dead host.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable

from roboecc_core.data_plane.cloud_steps import CloudSteps, Refusal
from roboecc_core.data_plane.frame import (
    ErrorCode,
    Frame,
    FrameKind,
    WireTensor,
    decode,
    encode,
    error_frame,
    json_tensor,
)
from roboecc_core.data_plane.hello import HostDescription, hello_reply
from roboecc_core.data_plane.link_probe import MAX_PROBE_BYTES
from roboecc_core.data_plane.segment import Segment
from roboecc_core.data_plane.transport import Reply, Server
from roboecc_core.errors import ProtocolError, RoboEccError

_log = logging.getLogger(__name__)
# Two steps in flight a robot is one being served and one that its robot still waits for;
# more would only queue up answers that come too late.
_MAX_QUEUED = 16


@dataclasses.dataclass(order=True, slots=True)
class _Job:
    """A decoded request, ordered by when its requester stops waiting."""

    deadline_s: float
    serial: int
    robot: str = dataclasses.field(compare=False)
    frame: Frame | None = dataclasses.field(compare=False)
    checksum: bytes = dataclasses.field(compare=False)
    reply: Reply = dataclasses.field(compare=False)


class CloudServer:
    """Serves one segment to the robots that the transport knows.

    Args:
        segment: the layers held here.
        server: the transport's end.
        model_id: 16 bytes, from the manifest.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        segment: Segment,
        server: Server,
        *,
        model_id: bytes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.steps = CloudSteps(segment, clock=clock)
        self._server = server
        self._host = HostDescription.of(segment)
        self._model_id = model_id
        self._clock = clock
        self._serial = itertools.count()
        self._inference: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._small_talk: queue.Queue[_Job] = queue.Queue()
        self._threads = [
            threading.Thread(target=self._serve_queue, args=(jobs, act), name=name, daemon=True)
            for name, jobs, act in (
                ("roboecc-inference", self._inference, self._infer),
                ("roboecc-small-talk", self._small_talk, self._chat),
            )
        ]

    def start(self) -> None:
        """Open the transport and serve until `close`.

        Raises:
            ConfigError: the transport's end cannot be opened.
        """
        for thread in self._threads:
            thread.start()
        self._server.serve(self._enqueue)

    def close(self) -> None:
        """Stop serving; requests in the queue are dropped."""
        self._server.close()
        for jobs in (self._inference, self._small_talk):
            jobs.put(_Job(float("-inf"), next(self._serial), "", None, b"", _no_reply))
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=5.0)

    def _enqueue(self, robot: str, request: bytes | memoryview, reply: Reply) -> None:
        """Runs on the transport's thread."""
        try:
            frame = decode(request)
        except ProtocolError as error:
            _log.debug("robot %s sent bytes that are no frame: %s", robot, error)
            reply(encode(error_frame(Frame(FrameKind.ERROR), ErrorCode.PROTOCOL, str(error))))
            return
        checksum = bytes(memoryview(request)[-8:])
        deadline_s = self._clock() + frame.budget_s
        job = _Job(deadline_s, next(self._serial), robot, frame, checksum, reply)
        if frame.kind is not FrameKind.ACTIVATION:
            self._small_talk.put(job)
        elif self._inference.qsize() >= _MAX_QUEUED:
            busy = {"code": ErrorCode.OVERLOADED.value, "sentence": f"{_MAX_QUEUED} steps wait"}
            reply(encode(frame.reply(FrameKind.BUSY, (json_tensor(busy),))))
        else:
            self._inference.put(job)

    def _serve_queue(self, jobs: queue.Queue[_Job], act: Callable[[_Job, Frame], Frame]) -> None:
        """Answer jobs until the one without a frame; nothing a peer sends ends the thread."""
        while (job := jobs.get()).frame is not None:
            try:
                answer = act(job, job.frame)
            except Refusal as refusal:
                answer = error_frame(job.frame, refusal.code, str(refusal))
            except RoboEccError as error:
                answer = error_frame(job.frame, ErrorCode.PROTOCOL, str(error))
            except Exception as error:  # noqa: BLE001  the guard of style.md 6: logged here, told in one line
                _log.exception("request of robot %s failed", job.robot)
                sentence = f"the cloud failed inside: {type(error).__name__}"
                answer = error_frame(job.frame, ErrorCode.INTERNAL, sentence)
            job.reply(encode(answer))

    def _infer(self, job: _Job, frame: Frame) -> Frame:
        started_s = self._clock()
        if frame.model_id != self._model_id:
            raise Refusal(ErrorCode.MODEL_MISMATCH, self._mismatch(frame))
        answer = self.steps.serve(
            job.robot, frame, checksum=job.checksum, deadline_s=job.deadline_s
        )
        return dataclasses.replace(answer, work_s=self._clock() - started_s)

    def _chat(self, job: _Job, frame: Frame) -> Frame:
        match frame.kind:
            case FrameKind.HELLO:
                return self._greet(job.robot, frame)
            case FrameKind.CANCEL:
                self.steps.cancel(job.robot, frame)
                return frame.reply(FrameKind.CANCEL, ())
            case FrameKind.HEARTBEAT:
                self.steps.drop_expired()  # of robots that are gone, while others still beat
                return frame.reply(FrameKind.HEARTBEAT, ())
            case FrameKind.PROBE:
                return _probe_reply(frame)
        raise Refusal(ErrorCode.PROTOCOL, f"a robot does not send {frame.kind.name} frames")

    def _greet(self, robot: str, frame: Frame) -> Frame:
        other = HostDescription.from_frame(frame)
        if frame.model_id != self._model_id:
            raise Refusal(ErrorCode.MODEL_MISMATCH, self._mismatch(frame, other.model))
        self.steps.open(robot, frame.session)
        _log.info("robot %s: session %016x opened, model %s", robot, frame.session, other.model)
        return hello_reply(frame, self._host, model_id=self._model_id)

    def _mismatch(self, frame: Frame, name: str = "") -> str:
        return (
            f"the robot has model {name} {frame.model_id.hex()}, the cloud {self._host.model} "
            f"{self._model_id.hex()}; give both the same checkpoint"
        )


def _probe_reply(frame: Frame) -> Frame:
    """Answer a probe with as many bytes as it asks for."""
    wanted = frame.tensor("reply_bytes")
    num_bytes = int.from_bytes(wanted.data[:4], "little")
    if wanted.dtype != "int32" or not 0 <= num_bytes <= MAX_PROBE_BYTES:
        raise ProtocolError(f"a probe asks for {num_bytes} bytes, at most {MAX_PROBE_BYTES}")
    payload = WireTensor("probe", "uint8", (num_bytes,), bytes(num_bytes))
    return frame.reply(FrameKind.PROBE, (payload,))


def _no_reply(_answer: bytes) -> None:
    """The reply of a job that nobody asked for."""
