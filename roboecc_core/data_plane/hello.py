# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""What the two hosts tell each other before they work together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from roboecc_core.data_plane.codec import CODEC_IDS
from roboecc_core.data_plane.frame import Frame, FrameKind, json_body, json_frame, json_tensor
from roboecc_core.data_plane.segment import Segment
from roboecc_core.errors import ProtocolError
from roboecc_core.planning.structure import indices_of, layer_ranges

_MAX_LAYERS = 100_000  # whoever claims more means to fill memory, not to run a model


@dataclasses.dataclass(frozen=True, slots=True)
class HostDescription:
    """One side of the link, as it describes itself in HELLO.

    Attributes:
        model: the model's name, for messages; its identity is the frame's model id.
        num_layers: length of its chain.
        resident: indices of the layers it holds.
        codecs: names of those it can decode.
        resident_bytes: memory that its layers take.
    """

    model: str
    num_layers: int
    resident: frozenset[int]
    codecs: tuple[str, ...]
    resident_bytes: int

    @classmethod
    def of(cls, segment: Segment) -> HostDescription:
        """Describe the host that holds this segment."""
        return cls(
            model=segment.chain.model,
            num_layers=segment.chain.num_layers,
            resident=segment.resident,
            codecs=tuple(CODEC_IDS),
            resident_bytes=segment.resident_bytes,
        )

    def body(self) -> dict[str, object]:
        """Return the JSON body of a HELLO."""
        return {
            "model": self.model,
            "num_layers": self.num_layers,
            "resident": layer_ranges(self.resident),
            "codecs": self.codecs,
            "resident_bytes": self.resident_bytes,
        }

    @classmethod
    def from_frame(cls, frame: Frame) -> HostDescription:
        """Read a HELLO's body.

        Raises:
            ProtocolError: a field is missing or of the wrong kind.
        """
        body = json_body(frame)
        try:
            ranges = [(int(a), int(b)) for a, b in _sequence(body["resident"])]
            if (
                any(not 0 <= a <= b for a, b in ranges)
                or sum(b - a for a, b in ranges) > _MAX_LAYERS
            ):
                raise ProtocolError(f"HELLO claims layers {ranges!r:.80}; at most {_MAX_LAYERS}")
            return cls(
                model=str(body["model"])[:200],
                num_layers=int(str(body["num_layers"])),
                resident=indices_of(ranges),
                codecs=tuple(str(name) for name in _sequence(body["codecs"])),
                resident_bytes=int(str(body["resident_bytes"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ProtocolError(f"HELLO lacks a field or holds a wrong one: {error!r}") from error


def _sequence(value: object) -> Sequence[tuple[int, int]]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r:.80} is no list")
    return value


def hello_frame(host: HostDescription, *, session: int, model_id: bytes) -> Frame:
    """Return the robot's HELLO."""
    return json_frame(FrameKind.HELLO, host.body(), session=session, model_id=model_id)


def hello_reply(request: Frame, host: HostDescription, *, model_id: bytes) -> Frame:
    """Return the cloud's answer, which carries the cloud's own model id."""
    reply = request.reply(FrameKind.HELLO, (json_tensor(host.body()),))
    return dataclasses.replace(reply, model_id=model_id)
