# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The wire: the one place that turns frames into bytes and bytes into frames.

Layout, little-endian: header (72 bytes), tensor table, payload, xxh3-64 of all before.
Table and tensors are zero-padded to 8 bytes, so views are aligned, and the layout is the
only one that the values allow: `encode(decode(x)) == x`. Import everything about frames from
here; `frame_values` says what a frame is and `frame_body` what a JSON body is. Knows nothing
of torch, codecs or transports. All functions may be called from any thread.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import xxhash

from roboecc_core.data_plane.frame_body import (
    error_frame,
    json_body,
    json_frame,
    json_tensor,
    peer_error,
)
from roboecc_core.data_plane.frame_values import (
    DTYPES,
    MAX_DIMS,
    MAX_FRAME_BYTES,
    MAX_NAME_BYTES,
    MAX_TENSORS,
    NO_MODEL,
    ErrorCode,
    Frame,
    FrameKind,
    WireTensor,
    require,
)
from roboecc_core.errors import ProtocolError
from roboecc_core.types import CloudSpan

__all__ = [
    "DTYPES",
    "MAX_FRAME_BYTES",
    "NO_MODEL",
    "VERSION",
    "Buffer",
    "ErrorCode",
    "Frame",
    "FrameKind",
    "WireTensor",
    "decode",
    "encode",
    "error_frame",
    "json_body",
    "json_frame",
    "json_tensor",
    "peer_error",
]

VERSION = 1

Buffer = bytes | bytearray | memoryview

_MAGIC = b"RECC"
_CHECKSUM = struct.Struct("<Q")
_ENTRY_TAIL = struct.Struct("<II")  # offset in the payload, bytes
_ALIGNMENT_BYTES = 8  # the widest element, int64
_DTYPE_OF_CODE = {code: name for name, (code, _) in DTYPES.items()}
_KINDS = frozenset(FrameKind)


class _Header(NamedTuple):
    """The fixed part, in wire order."""

    magic: bytes
    version: int
    kind: int
    codec: int
    flags: int  # none in version 1
    step: int
    phase: int
    iteration: int
    session: int
    model_id: bytes
    span_start: int
    span_stop: int
    budget_s: float
    work_s: float
    num_tensors: int
    table_bytes: int
    payload_bytes: int


_HEADER = struct.Struct("<4sBBBBQHHQ16sIIffHHQ")


def _padding(num_bytes: int) -> bytes:
    return bytes(-num_bytes % _ALIGNMENT_BYTES)


def encode(frame: Frame) -> bytes:
    """Return the frame's bytes; tensor data is copied once, by the final join.

    Raises:
        ProtocolError: the whole would be over `MAX_FRAME_BYTES`.
    """
    entries, payload, payload_bytes = [], [], 0
    for tensor in frame.tensors:
        num_bytes = memoryview(tensor.data).nbytes
        entries.append(_entry(tensor, payload_bytes, num_bytes))
        payload += [tensor.data, _padding(num_bytes)]
        payload_bytes += num_bytes + len(payload[-1])
    table = b"".join(entries)
    table += _padding(len(table))
    total_bytes = _HEADER.size + len(table) + payload_bytes + _CHECKSUM.size
    require(total_bytes <= MAX_FRAME_BYTES, f"frame of {total_bytes} bytes > {MAX_FRAME_BYTES}")
    header = _Header(
        magic=_MAGIC,
        version=VERSION,
        kind=frame.kind,
        codec=frame.codec,
        flags=0,
        step=frame.step,
        phase=frame.phase,
        iteration=frame.iteration,
        session=frame.session,
        model_id=frame.model_id,
        span_start=frame.span.start,
        span_stop=frame.span.stop,
        budget_s=frame.budget_s,
        work_s=frame.work_s,
        num_tensors=len(frame.tensors),
        table_bytes=len(table),
        payload_bytes=payload_bytes,
    )
    parts = [_HEADER.pack(*header), table, *payload]
    digest = xxhash.xxh3_64()
    for part in parts:
        digest.update(part)
    return b"".join([*parts, _CHECKSUM.pack(digest.intdigest())])


def _entry(tensor: WireTensor, offset: int, num_bytes: int) -> bytes:
    """Name's length, name, dtype code, number of sizes, sizes, offset, bytes."""
    name = tensor.name.encode()
    code, _ = DTYPES[tensor.dtype]
    rank = len(tensor.shape)
    head = struct.pack(f"<B{len(name)}sBB{rank}I", len(name), name, code, rank, *tensor.shape)
    return head + _ENTRY_TAIL.pack(offset, num_bytes)


def decode(buffer: Buffer) -> Frame:
    """Return the frame in `buffer`; its tensors are views into it, not copies.

    Raises:
        ProtocolError: the bytes are not exactly one frame. Nothing is allocated for a size
            that the frame merely claims.
    """
    view = memoryview(buffer).cast("B")
    smallest_bytes = _HEADER.size + _CHECKSUM.size
    require(
        smallest_bytes <= len(view) <= MAX_FRAME_BYTES,
        f"{len(view)} bytes are no frame; expected {smallest_bytes}..{MAX_FRAME_BYTES}",
    )
    header = _Header._make(_HEADER.unpack_from(view))
    require(header.magic == _MAGIC, f"frame starts with {header.magic!r}, not {_MAGIC!r}")
    require(
        header.version == VERSION,
        f"frame has version {header.version}; this side speaks {VERSION}: update the older host",
    )
    covered = view[: -_CHECKSUM.size]
    (checksum,) = _CHECKSUM.unpack_from(view, len(covered))
    require(checksum == xxhash.xxh3_64_intdigest(covered), "frame is damaged: checksum differs")
    return _frame(header, covered[_HEADER.size :])


def _frame(header: _Header, rest: memoryview) -> Frame:
    require(header.kind in _KINDS, f"frame kind {header.kind} is unknown")
    require(header.flags == 0, f"frame flags {header.flags:#x} are not of version {VERSION}")
    start, stop = header.span_start, header.span_stop
    require(start < stop or start == stop == 0, f"span [{start}, {stop}) is not a range")
    require(header.num_tensors <= MAX_TENSORS, f"{header.num_tensors} tensors > {MAX_TENSORS}")
    require(
        header.table_bytes + header.payload_bytes == len(rest),
        f"frame has {len(rest)} bytes after its header but claims {header.table_bytes} of table "
        f"and {header.payload_bytes} of payload",
    )
    table, payload = rest[: header.table_bytes], rest[header.table_bytes :]
    return Frame(
        kind=FrameKind(header.kind),
        step=header.step,
        phase=header.phase,
        iteration=header.iteration,
        session=header.session,
        model_id=header.model_id,
        span=CloudSpan(start, stop),
        codec=header.codec,
        budget_s=header.budget_s,
        work_s=header.work_s,
        tensors=tuple(_tensors(header.num_tensors, table, payload)),
    )


def _tensors(num_tensors: int, table: memoryview, payload: memoryview) -> Iterator[WireTensor]:
    """Yield the tensors, each exactly where the one before it ends."""
    position = end = 0
    try:
        for _ in range(num_tensors):
            (name_bytes,) = struct.unpack_from("<B", table, position)
            require(name_bytes <= MAX_NAME_BYTES, f"tensor name of {name_bytes} bytes")
            name, code, rank = struct.unpack_from(f"<{name_bytes}sBB", table, position + 1)
            require(rank <= MAX_DIMS, f"tensor with {rank} dimensions > {MAX_DIMS}")
            position += 1 + name_bytes + 2
            shape = struct.unpack_from(f"<{rank}I", table, position)
            position += 4 * rank
            offset, num_bytes = _ENTRY_TAIL.unpack_from(table, position)
            position += _ENTRY_TAIL.size
            require(offset == end, f"tensor at offset {offset}, expected at {end}")
            require(offset + num_bytes <= len(payload), "tensor reaches past the payload")
            require(code in _DTYPE_OF_CODE, f"dtype code {code} is unknown")
            yield WireTensor(
                name=name.decode("ascii", errors="replace"),
                dtype=_DTYPE_OF_CODE[code],
                shape=shape,
                data=payload[offset : offset + num_bytes],
            )
            end = _after_padding(payload, offset + num_bytes, "payload")
    except struct.error as error:
        raise ProtocolError("tensor table ends in the middle of an entry") from error
    require(_after_padding(table, position, "table") == len(table), "table has more than it says")
    require(end == len(payload), f"payload has {len(payload)} bytes, its tensors {end}")


def _after_padding(view: memoryview, end: int, what: str) -> int:
    padding = _padding(end)
    padded_end = end + len(padding)
    require(view[end:padded_end] == padding, f"{what} is not padded with zeros to 8 bytes")
    return padded_end
