# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""HELLO survives the way there and back, and nonsense in it is refused before it costs memory."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboecc_core.data_plane.frame import FrameKind, decode, encode, json_frame
from roboecc_core.data_plane.hello import HostDescription, hello_frame
from roboecc_core.errors import ProtocolError

HOST = HostDescription("nano", 77, frozenset({0, 1, 5}), ("raw",), 1000)


@given(st.sets(st.integers(0, 600)), st.integers(0, 2**40))
def test_hello_says_what_was_described(resident, resident_bytes):
    host = dataclasses.replace(HOST, resident=frozenset(resident), resident_bytes=resident_bytes)
    frame = decode(encode(hello_frame(host, session=7, model_id=bytes(16))))
    assert HostDescription.from_frame(frame) == host


@pytest.mark.parametrize(
    "change",
    [
        {"resident": [[0, 10**9]]},
        {"resident": [[0, 90_000]] * 2000},
        {"resident": [[5, 2]]},
        {"resident": [[-1, 2]]},
        {"resident": [[0]]},
        {"resident": "all"},
        {"codecs": 5},
        {"num_layers": "many"},
    ],
    ids=str,
)
def test_hello_refuses_nonsense(change):
    with pytest.raises(ProtocolError):
        HostDescription.from_frame(json_frame(FrameKind.HELLO, {**HOST.body(), **change}))


def test_hello_refuses_a_body_that_lacks_a_field():
    body = HOST.body()
    del body["codecs"]
    with pytest.raises(ProtocolError, match="lacks a field"):
        HostDescription.from_frame(json_frame(FrameKind.HELLO, body))
