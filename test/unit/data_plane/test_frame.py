# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import array
import json
import math
import struct

import pytest
import xxhash
from hypothesis import example, given
from hypothesis import strategies as st

from roboecc_core.data_plane import frame as wire
from roboecc_core.data_plane.frame import (
    DTYPES,
    ErrorCode,
    Frame,
    FrameKind,
    WireTensor,
    decode,
    encode,
    error_frame,
    json_body,
    json_frame,
    json_tensor,
    peer_error,
)
from roboecc_core.errors import PeerError, ProtocolError
from roboecc_core.types import CloudSpan

HEADER_BYTES = 72
OFFSETS = {  # of fields in the header, so that a changed layout fails here
    "version": 4, "kind": 5, "codec": 6, "flags": 7, "step": 8, "phase": 16, "iteration": 18,
    "session": 20, "model_id": 28, "span_start": 44, "span_stop": 48, "budget_s": 52,
    "work_s": 56, "num_tensors": 60, "table_bytes": 62, "payload_bytes": 64,
}  # fmt: skip

NAMES = ["x", "_", "llm.hidden", "vision/dino:0-k", "A" * 64]


def sealed(body):
    """Return `body` with a right checksum: what a hostile or defective peer can send."""
    return bytes(body) + struct.pack("<Q", xxhash.xxh3_64_intdigest(bytes(body)))


def uint8(name="x", num_bytes=3):
    return WireTensor(name, "uint8", (num_bytes,), bytes(range(num_bytes)))


@pytest.fixture
def activation():
    return Frame(
        FrameKind.ACTIVATION,
        step=2**40,
        phase=3,
        iteration=6,
        session=2**63,
        model_id=bytes(range(16)),
        span=CloudSpan(2, 31),
        codec=1,
        budget_s=0.5,
        work_s=0.25,
        tensors=(
            WireTensor("llm.hidden", "float16", (1, 3, 2), bytes(range(12))),
            WireTensor("mask", "bool", (3,), b"\0\1\1"),
            WireTensor("empty", "float32", (0, 4), b""),
            WireTensor("position", "int64", (), bytes(8)),
        ),
    )


@st.composite
def wire_tensors(draw, name):
    dtype = draw(st.sampled_from(sorted(DTYPES)))
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    num_bytes = math.prod(shape) * DTYPES[dtype][1]
    data = draw(st.binary(min_size=num_bytes, max_size=num_bytes))
    return WireTensor(name, dtype, shape, bytes(b & 1 for b in data) if dtype == "bool" else data)


@st.composite
def frames(draw):
    names = draw(st.lists(st.sampled_from(NAMES), max_size=4, unique=True))
    start, stop = sorted(draw(st.tuples(*[st.integers(0, 2**32 - 1)] * 2)))
    durations = st.floats(0.0, 86_400.0, width=32)
    return Frame(
        draw(st.sampled_from(FrameKind)),
        step=draw(st.integers(0, 2**64 - 1)),
        phase=draw(st.integers(0, 2**16 - 1)),
        iteration=draw(st.integers(0, 2**16 - 1)),
        session=draw(st.integers(0, 2**64 - 1)),
        model_id=draw(st.binary(min_size=16, max_size=16)),
        span=CloudSpan(start, stop),
        codec=draw(st.integers(0, 255)),
        budget_s=draw(durations),
        work_s=draw(durations),
        tensors=tuple(draw(wire_tensors(name)) for name in names),
    )


@given(frame=frames())
def test_decode_returns_what_was_encoded(frame):
    encoded = encode(frame)
    assert decode(encoded) == frame
    assert encode(decode(encoded)) == encoded


@given(encoded=st.binary(max_size=300) | st.binary(max_size=300).map(sealed))
@example(encoded=b"")
@example(encoded=b"RECC" + bytes(76))
def test_any_bytes_decode_or_raise_protocol_error(encoded):
    try:
        decode(encoded)
    except ProtocolError:
        return


@given(frame=frames(), data=st.data())
def test_damage_anywhere_is_noticed(frame, data):
    encoded = bytearray(encode(frame))
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ProtocolError):
        decode(encoded)


@given(frame=frames(), data=st.data())
def test_mutants_with_a_right_checksum_decode_to_themselves_or_raise(frame, data):
    body = bytearray(encode(frame)[:-8])
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(body) - 1))
        change = data.draw(st.sampled_from(["set", "insert", "delete", "cut"]))
        if change == "set":
            body[position] = data.draw(st.sampled_from([0, 1, 2, 127, 255]) | st.integers(0, 255))
        elif change == "insert":
            body[position:position] = data.draw(st.binary(min_size=1, max_size=9))
        elif change == "delete" and len(body) > 1:
            del body[position]
        elif position > 0:
            del body[position:]
    mutant = sealed(body)
    try:
        decoded = decode(mutant)
    except ProtocolError:
        return
    assert encode(decoded) == mutant  # one layout only: whatever passes is exactly as written


@pytest.mark.parametrize("num_bytes", [0, 1, 79, 80, 81, -9, -8, -1])
def test_decode_refuses_every_truncation(activation, num_bytes):
    encoded = encode(activation)
    with pytest.raises(ProtocolError):
        decode(encoded[:num_bytes])
    with pytest.raises(ProtocolError):
        decode(encoded + b"\0" * max(num_bytes, 1))


def test_header_has_the_documented_layout(activation):
    encoded = encode(activation)
    assert encoded[:8] == b"RECC\x01\x02\x01\x00"
    assert struct.unpack_from("<QHHQ", encoded, OFFSETS["step"]) == (2**40, 3, 6, 2**63)
    assert encoded[28:44] == activation.model_id
    assert struct.unpack_from("<IIffHHQ", encoded, 44) == (2, 31, 0.5, 0.25, 4, 96, 32)
    assert len(encoded) == HEADER_BYTES + 96 + 32 + 8
    assert encoded[HEADER_BYTES:].startswith(b"\x0allm.hidden\x02\x03\1\0\0\0\3\0\0\0\2\0\0\0")


def test_decoded_tensors_are_aligned_views_into_the_buffer(activation):
    encoded = encode(activation)
    decoded = decode(encoded)
    for tensor in decoded.tensors:
        assert isinstance(tensor.data, memoryview)
        assert tensor.data.readonly
        assert tensor.data.obj is encoded
    start = HEADER_BYTES + 96
    assert start % 8 == 0
    assert encoded[start : start + 16] == bytes(range(12)) + bytes(4)


HEADER_DEFECTS = {
    "magic": (0, "<4s", b"RECD", "starts with"),
    "version": (OFFSETS["version"], "<B", 2, "version 2; this side speaks 1"),
    "kind": (OFFSETS["kind"], "<B", 9, "kind 9"),
    "flags": (OFFSETS["flags"], "<B", 1, "flags 0x1"),
    "backward span": (OFFSETS["span_start"], "<I", 40, "not a range"),
    "empty span": (OFFSETS["span_start"], "<I", 31, "not a range"),
    "NaN budget": (OFFSETS["budget_s"], "<f", math.nan, "budget_s"),
    "negative budget": (OFFSETS["budget_s"], "<f", -0.5, "budget_s"),
    "endless budget": (OFFSETS["budget_s"], "<f", math.inf, "budget_s"),
    "NaN work": (OFFSETS["work_s"], "<f", math.nan, "work_s"),
    "too many tensors": (OFFSETS["num_tensors"], "<H", 65, "65 tensors"),
    "more tensors than the table": (OFFSETS["num_tensors"], "<H", 5, "table"),
    "fewer tensors than the table": (OFFSETS["num_tensors"], "<H", 3, "table"),
    "other table size": (OFFSETS["table_bytes"], "<H", 72, "claims 72 of table"),
    "vast payload": (OFFSETS["payload_bytes"], "<Q", 2**63, "claims"),
}


@pytest.mark.parametrize(
    ("offset", "code", "value", "message"), HEADER_DEFECTS.values(), ids=HEADER_DEFECTS.keys()
)
def test_decode_names_what_is_wrong_in_the_header(activation, offset, code, value, message):
    body = bytearray(encode(activation)[:-8])
    struct.pack_into(code, body, offset, value)
    with pytest.raises(ProtocolError, match=message):
        decode(sealed(body))


def one_entry(
    *, name=b"x", code=6, shape=(3,), offset=0, num_bytes=3, payload=b"\1\2\3" + bytes(5)
):
    """Return a sealed frame with one table entry, written by hand."""
    entry = struct.pack(
        f"<B{len(name)}sBB{len(shape)}I", len(name), name, code, len(shape), *shape
    )
    table = entry + struct.pack("<II", offset, num_bytes)
    table += bytes(-len(table) % 8)
    header = bytearray(encode(Frame(FrameKind.PROBE))[:HEADER_BYTES])
    struct.pack_into("<HHQ", header, OFFSETS["num_tensors"], 1, len(table), len(payload))
    return sealed(header + table + payload)


def test_one_entry_by_hand_decodes():
    assert decode(one_entry()).tensor("x").data == b"\1\2\3"


ENTRY_DEFECTS = {
    "gap before": {"offset": 8, "payload": bytes(16)},
    "past the payload": {"num_bytes": 9, "shape": (9,)},
    "vast": {"num_bytes": 2**32 - 1, "shape": (2**32 - 1,)},
    "unknown dtype": {"code": 10},
    "other size than the shape": {"shape": (2,)},
    "nine dimensions": {"shape": (1,) * 9},
    "overflow beside a zero": {"shape": (0,) + (2**32 - 1,) * 7, "num_bytes": 0, "payload": b""},
    "no name": {"name": b""},
    "long name": {"name": b"x" * 65},
    "name with a space": {"name": b"x y"},
    "name with a newline": {"name": b"x\n"},
    "name that is no UTF-8": {"name": b"\xff"},
    "letters beyond ASCII": {"name": "é".encode()},
    "padding that is not zero": {"payload": b"\1\2\3\4" + bytes(4)},
    "trailing payload": {"payload": b"\1\2\3" + bytes(13)},
    "bool of 2": {"code": 8, "payload": b"\1\2\0" + bytes(5)},
}


@pytest.mark.parametrize("changes", ENTRY_DEFECTS.values(), ids=ENTRY_DEFECTS.keys())
def test_decode_refuses_a_bad_table_entry(changes):
    with pytest.raises(ProtocolError):
        decode(one_entry(**changes))


def test_sizes_are_capped_before_anything_is_allocated(monkeypatch):
    monkeypatch.setattr(wire, "MAX_FRAME_BYTES", 1000)
    with pytest.raises(ProtocolError, match="1000"):
        decode(bytes(1001))
    with pytest.raises(ProtocolError, match="1000"):
        encode(Frame(FrameKind.PROBE, tensors=tuple(uint8(f"t{i}", 200) for i in range(5))))
    with pytest.raises(ProtocolError, match="is over"):
        WireTensor("x", "float32", (2**14, 2**14), b"")


BAD_FRAMES = {
    "step": {"step": 2**64},
    "negative step": {"step": -1},
    "phase": {"phase": 2**16},
    "codec": {"codec": 256},
    "model id": {"model_id": b"short"},
    "span": {"span": CloudSpan(0, 2**32)},
    "budget": {"budget_s": math.nan},
    "long budget": {"budget_s": 1e39},
    "names": {"tensors": (uint8(), uint8())},
    "count": {"tensors": tuple(uint8(f"t{i}") for i in range(65))},
}


@pytest.mark.parametrize("fields", BAD_FRAMES.values(), ids=BAD_FRAMES.keys())
def test_frames_that_do_not_fit_the_wire_cannot_be_made(fields):
    with pytest.raises(ProtocolError):
        Frame(FrameKind.ACTIVATION, **fields)


def test_wire_tensor_takes_typed_views_and_refuses_strided_ones():
    floats = array.array("f", [1.0, 2.0, 3.0, 4.0])
    tensor = WireTensor("x", "float32", (4,), memoryview(floats))
    assert decode(encode(Frame(FrameKind.CHUNK, tensors=(tensor,)))).tensor("x").data == (
        floats.tobytes()
    )
    with pytest.raises(ProtocolError, match="contiguous"):
        WireTensor("x", "float32", (2,), memoryview(floats)[::2])
    with pytest.raises(ProtocolError, match="dtype 'float8'"):
        WireTensor("x", "float8", (1,), bytes(1))
    with pytest.raises(ProtocolError, match="needs 12"):
        WireTensor("x", "float32", (3,), bytes(11))


def test_tensor_raises_when_there_is_no_such_name(activation):
    assert activation.tensor("mask").shape == (3,)
    with pytest.raises(ProtocolError, match=r"ACTIVATION frame has no tensor 'x'.*llm\.hidden"):
        activation.tensor("x")


def test_reply_repeats_the_address_and_clears_the_budget(activation):
    reply = activation.reply(FrameKind.CHUNK, [uint8()], work_s=0.125)
    assert reply == Frame(
        FrameKind.CHUNK, step=2**40, phase=3, iteration=6, session=2**63,
        model_id=bytes(range(16)), span=CloudSpan(2, 31), codec=1, work_s=0.125,
        tensors=(uint8(),),
    )  # fmt: skip


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(body=st.dictionaries(st.text("abc"), json_values, max_size=3))
def test_json_body_returns_what_json_frame_wrote(body):
    frame = json_frame(FrameKind.HELLO, body, session=5, budget_s=1.0)
    assert json_body(decode(encode(frame))) == body


JSON_DEFECTS = {
    "no JSON": b"{",
    "no UTF-8": b'{"a":"\xff"}',
    "an array": b"[1]",
    "a number": b"1",
    "NaN": b'{"a":NaN}',
    "infinite": b'{"a":1e999}',
    "half a pair": b'{"a":"\\ud800"}',
    "deep": b'{"a":' + b"[" * 17 + b"]" * 17 + b"}",
    "very deep": b"[" * 60_000,
    "very long number": b'{"a":' + b"1" * 5000 + b"}",
    "too long": b'{"a":"' + b"x" * 65_536 + b'"}',
}


@pytest.mark.parametrize("text", JSON_DEFECTS.values(), ids=JSON_DEFECTS.keys())
def test_json_body_refuses(text):
    frame = Frame(FrameKind.HELLO, tensors=(WireTensor("json", "uint8", (len(text),), text),))
    with pytest.raises(ProtocolError):
        json_body(frame)


def test_json_body_refuses_other_tensors():
    with pytest.raises(ProtocolError, match="no tensor 'json'"):
        json_body(Frame(FrameKind.HELLO))
    tensor = WireTensor("json", "float32", (1,), b"{} \n")
    with pytest.raises(ProtocolError, match="row of bytes"):
        json_body(Frame(FrameKind.HELLO, tensors=(tensor,)))


@pytest.mark.parametrize("body", [{"a": math.nan}, {"a": object()}, {"a": "x" * 70_000}])
def test_json_tensor_refuses_what_json_cannot_say(body):
    with pytest.raises(ProtocolError):
        json_tensor(body)


@given(sentence=st.text())
def test_error_frame_becomes_a_peer_error_of_one_line(sentence):
    request = Frame(FrameKind.ACTIVATION, step=9, session=3, span=CloudSpan(1, 2))
    refusal = decode(encode(error_frame(request, ErrorCode.OUT_OF_ORDER, sentence)))
    assert (refusal.kind, refusal.step, refusal.session) == (FrameKind.ERROR, 9, 3)
    error = peer_error(refusal)
    assert isinstance(error, PeerError)
    assert error.code == "OUT_OF_ORDER"
    assert len(str(error).splitlines()) <= 1
    assert len(str(error)) <= 1000


@pytest.mark.parametrize(
    "body", [{}, {"code": "NEW", "sentence": "x"}, {"code": [], "sentence": ""},
             {"code": "INTERNAL", "sentence": 1}],
)  # fmt: skip
def test_peer_error_refuses_bodies_that_say_nothing(body):
    with pytest.raises(ProtocolError):
        peer_error(json_frame(FrameKind.ERROR, body))


def test_error_code_names_are_their_values():
    assert [code.value for code in ErrorCode] == [code.name for code in ErrorCode]
    assert json.dumps(ErrorCode.PROTOCOL) == '"PROTOCOL"'
