# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What a frame is: its values and their caps. `frame` imports all of it and owns the bytes.

Knows nothing of torch, codecs or transports.
"""

from __future__ import annotations

import dataclasses
import enum
import math
import re
from collections.abc import Mapping, Sequence

from roboecc_core.errors import ProtocolError
from roboecc_core.planning.chain import DTYPE_BYTES
from roboecc_core.types import CloudSpan

MODEL_ID_BYTES = 16
NO_MODEL = bytes(MODEL_ID_BYTES)  # the model id of a frame that belongs to no model
MAX_FRAME_BYTES = 256 * 2**20  # a 7B model's prefill at 4096 tokens in float32 is 64 MiB
MAX_TENSORS = 64
MAX_DIMS = 8
MAX_NAME_BYTES = 64
MAX_DURATION_S = 86_400.0  # nobody waits or works longer than a day on one request

_WIRE_CODES = {
    "float32": 1,
    "float16": 2,
    "bfloat16": 3,
    "int64": 4,
    "int32": 5,
    "uint8": 6,
    "int8": 7,
    "bool": 8,
    "float64": 9,
}
# name -> (code on the wire, bytes of one element)
DTYPES: Mapping[str, tuple[int, int]] = {
    name: (code, DTYPE_BYTES[name]) for name, code in _WIRE_CODES.items()
}
_NAME_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/-]*", re.ASCII)
_UNSIGNED_BITS = {"codec": 8, "step": 64, "phase": 16, "iteration": 16, "session": 64}


class FrameKind(enum.IntEnum):
    """What a frame is for; see design.md 4 for who sends which."""

    HELLO = 1
    ACTIVATION = 2
    CHUNK = 3  # the last reply of a step
    PROBE = 4
    HEARTBEAT = 5
    CANCEL = 6
    BUSY = 7
    ERROR = 8


class ErrorCode(enum.StrEnum):
    """Why a request was refused; the `code` in the body of an ERROR frame."""

    MODEL_MISMATCH = "MODEL_MISMATCH"
    SPAN_NOT_RESIDENT = "SPAN_NOT_RESIDENT"
    OUT_OF_ORDER = "OUT_OF_ORDER"
    PROTOCOL = "PROTOCOL"
    OVERLOADED = "OVERLOADED"
    ABANDONED = "ABANDONED"
    DEADLINE = "DEADLINE"
    DUPLICATE_IDENTITY = "DUPLICATE_IDENTITY"
    INTERNAL = "INTERNAL"
    NOT_READY = "NOT_READY"


def require(claim: bool, message: str) -> None:  # noqa: FBT001  as in assert
    """Raise ProtocolError with `message` unless `claim` holds."""
    if not claim:
        raise ProtocolError(message)


@dataclasses.dataclass(frozen=True, slots=True)
class WireTensor:
    """A named, contiguous tensor in C order, as bytes.

    Attributes:
        name: an ASCII identifier that may also hold `.`, `:`, `/` and `-`.
        dtype: a key of `DTYPES`.
        shape: at most 8 dimensions; `()` is a scalar.
        data: the elements, little-endian; a view keeps its buffer alive.

    Raises:
        ProtocolError: the values contradict each other or exceed a cap.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: bytes | memoryview

    def __post_init__(self) -> None:
        require(
            len(self.name) <= MAX_NAME_BYTES and bool(_NAME_PATTERN.fullmatch(self.name)),
            f"tensor name {self.name[:80]!r} is not an identifier of 1..{MAX_NAME_BYTES} bytes",
        )
        require(self.dtype in DTYPES, f"dtype {self.dtype!r} is none of {', '.join(DTYPES)}")
        require(
            len(self.shape) <= MAX_DIMS and all(0 <= dim < 2**32 for dim in self.shape),
            f"tensor {self.name!r} has shape {self.shape}; expected at most {MAX_DIMS} sizes",
        )
        _, item_bytes = DTYPES[self.dtype]
        require(  # also when one size is 0: such a shape must not overflow in the reader's hands
            math.prod(max(dim, 1) for dim in self.shape) * item_bytes <= MAX_FRAME_BYTES,
            f"tensor {self.name!r} of shape {self.shape} is over {MAX_FRAME_BYTES} bytes",
        )
        view = memoryview(self.data)
        require(view.c_contiguous, f"tensor {self.name!r} is not contiguous")
        expected_bytes = math.prod(self.shape) * item_bytes
        require(
            view.nbytes == expected_bytes,
            f"tensor {self.name!r} has {view.nbytes} bytes; {self.dtype}{list(self.shape)} "
            f"needs {expected_bytes}",
        )
        if isinstance(self.data, memoryview) and view.format != "B":
            object.__setattr__(self, "data", view.cast("B") if view.nbytes else b"")
        require(
            self.dtype != "bool" or not view.tobytes().translate(None, b"\0\1"),
            f"bool tensor {self.name!r} holds bytes other than 0 and 1",
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Frame:
    """One message. Durations are float32 on the wire.

    Attributes:
        phase: index of the step's program stage; `iteration`: its repeat.
        model_id: 16 bytes, or `NO_MODEL`.
        codec: the codec's number, owned by `data_plane.codec`.
        budget_s: how long the requester will still wait; unused in replies.
        work_s: in replies, how long the answering side worked on this request.

    Raises:
        ProtocolError: a value does not fit its field.
    """

    kind: FrameKind
    step: int = 0
    phase: int = 0
    iteration: int = 0
    session: int = 0
    model_id: bytes = NO_MODEL
    span: CloudSpan = CloudSpan(0, 0)  # noqa: RUF009  frozen
    codec: int = 0
    budget_s: float = 0.0
    work_s: float = 0.0
    tensors: tuple[WireTensor, ...] = ()

    def __post_init__(self) -> None:
        for field, bits in _UNSIGNED_BITS.items():
            value = getattr(self, field)
            require(0 <= value < 2**bits, f"{field} {value} does not fit {bits} bits")
        require(
            len(self.model_id) == MODEL_ID_BYTES,
            f"model id has {len(self.model_id)} bytes; expected {MODEL_ID_BYTES}",
        )
        require(self.span.stop < 2**32, f"span {self.span} does not fit 32 bits")
        for field in ("budget_s", "work_s"):
            duration_s = getattr(self, field)
            require(  # a NaN fails this, too
                0.0 <= duration_s <= MAX_DURATION_S,
                f"{field} {duration_s} is not within 0..{MAX_DURATION_S:.0f} s",
            )
        require(len(self.tensors) <= MAX_TENSORS, f"{len(self.tensors)} tensors > {MAX_TENSORS}")
        names = [tensor.name for tensor in self.tensors]
        require(len(set(names)) == len(names), f"tensor names repeat: {names}")

    def tensor(self, name: str) -> WireTensor:
        """Return the tensor called `name`. Raises ProtocolError when there is none."""
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        names = [tensor.name for tensor in self.tensors]
        raise ProtocolError(f"{self.kind.name} frame has no tensor {name!r}; it has {names}")

    def reply(
        self, kind: FrameKind, tensors: Sequence[WireTensor] = (), *, work_s: float = 0.0
    ) -> Frame:
        """Return an answer that repeats this request's step, phase, session, span and codec."""
        return dataclasses.replace(
            self, kind=kind, tensors=tuple(tensors), work_s=work_s, budget_s=0.0
        )
