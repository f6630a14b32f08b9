# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The JSON bodies of HELLO, BUSY and ERROR frames; import them from `frame`.

One uint8 tensor named "json". All functions may be called from any thread.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from roboecc_core.data_plane.frame_values import (
    NO_MODEL,
    ErrorCode,
    Frame,
    FrameKind,
    WireTensor,
    require,
)
from roboecc_core.errors import PeerError, ProtocolError

MAX_JSON_BYTES = 64 * 1024  # a HELLO that lists every layer of a 7B model is under 16 KiB
MAX_JSON_DEPTH = 16
MAX_SENTENCE_CHARS = 1000

_JSON_TENSOR = "json"


def json_tensor(body: Mapping[str, object]) -> WireTensor:
    """Return the one tensor that a HELLO, BUSY or ERROR frame carries.

    Raises:
        ProtocolError: the body is not JSON, or over `MAX_JSON_BYTES`.
    """
    try:
        text = json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"frame body cannot be written as JSON: {error}") from error
    require(len(text) <= MAX_JSON_BYTES, f"JSON of {len(text)} bytes > {MAX_JSON_BYTES}")
    return WireTensor(_JSON_TENSOR, "uint8", (len(text),), text)


def json_frame(
    kind: FrameKind,
    body: Mapping[str, object],
    *,
    session: int = 0,
    model_id: bytes = NO_MODEL,
    budget_s: float = 0.0,
) -> Frame:
    """Return a request whose body is JSON. An answer is `request.reply(kind, [json_tensor()])`.

    Raises:
        ProtocolError: the body is not JSON, or over `MAX_JSON_BYTES`.
    """
    return Frame(
        kind, session=session, model_id=model_id, budget_s=budget_s, tensors=(json_tensor(body),)
    )


def json_body(frame: Frame) -> dict[str, object]:
    """Return the JSON object in a frame.

    Raises:
        ProtocolError: there is none, or it is too large, too deep or not Unicode text.
    """
    tensor = frame.tensor(_JSON_TENSOR)
    require(tensor.dtype == "uint8" and len(tensor.shape) == 1, "JSON body is no row of bytes")
    require(len(tensor.data) <= MAX_JSON_BYTES, f"JSON of {len(tensor.data)} bytes")
    try:
        body = json.loads(str(tensor.data, "utf-8"))
        json.dumps(body, allow_nan=False, ensure_ascii=False).encode()  # no NaN, no half pairs
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"frame body is not JSON: {error}") from error
    require(isinstance(body, dict), f"frame body is a JSON {type(body).__name__}, not an object")
    require(_is_shallow(body, MAX_JSON_DEPTH), f"frame body is nested over {MAX_JSON_DEPTH} deep")
    return dict(body)


def _is_shallow(value: object, depth: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return True
    return depth > 0 and all(_is_shallow(item, depth - 1) for item in value)


def error_frame(request: Frame, code: ErrorCode, sentence: str) -> Frame:
    """Return the refusal of `request`: one sentence for people, never a traceback."""
    one_line = " ".join(sentence.encode(errors="replace").decode().split())
    body = {"code": code.value, "sentence": one_line[:MAX_SENTENCE_CHARS]}
    return request.reply(FrameKind.ERROR, (json_tensor(body),))


def peer_error(frame: Frame) -> PeerError:
    """Return what an ERROR or BUSY frame says, ready to be raised.

    Raises:
        ProtocolError: the frame's body names no known code or has no sentence.
    """
    body = json_body(frame)
    code, sentence = body.get("code"), body.get("sentence")
    if not (isinstance(code, str) and isinstance(sentence, str)):
        raise ProtocolError("error frame has no code and sentence")
    require(code in ErrorCode.__members__, f"error code {code[:80]!r} is unknown")
    return PeerError(code, sentence[:MAX_SENTENCE_CHARS])
