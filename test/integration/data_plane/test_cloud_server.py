# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The step protocol: next frame executed, exact repeat answered, anything else refused."""

from __future__ import annotations

import dataclasses
import gc
import weakref

import pytest

torch = pytest.importorskip("torch")

from roboecc_core.data_plane.cloud_server import CloudServer  # noqa: E402
from roboecc_core.data_plane.cloud_steps import Refusal  # noqa: E402
from roboecc_core.data_plane.edge_session import EdgeSession  # noqa: E402
from roboecc_core.data_plane.frame import (  # noqa: E402
    Frame,
    FrameKind,
    decode,
    encode,
    peer_error,
)
from roboecc_core.data_plane.link_probe import heartbeat, probe  # noqa: E402
from roboecc_core.data_plane.segment import Segment, StepState  # noqa: E402
from roboecc_core.data_plane.transport.inprocess import (  # noqa: E402
    InProcessServer,
    InProcessTransport,
)
from roboecc_core.errors import (  # noqa: E402
    PeerError,
    ProtocolError,
    SpanNotResidentError,
    StepTimeoutError,
    TransportError,
)
from roboecc_core.types import CloudSpan  # noqa: E402

pytestmark = pytest.mark.torch
MODEL_ID = bytes(range(16))


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class RecordingTransport:
    """Passes everything on and keeps the requests."""

    def __init__(self, inner: InProcessTransport) -> None:
        self.inner = inner
        self.requests: list[bytes] = []
        self.notices: list[bytes] = []

    def exchange(self, request: bytes, *, timeout_s: float) -> bytes | memoryview:
        self.requests.append(request)
        return self.inner.exchange(request, timeout_s=max(timeout_s, 5.0))

    def notify(self, request: bytes) -> None:
        self.notices.append(request)
        self.inner.notify(request)

    def close(self) -> None:
        self.inner.close()


class Pair:
    """A cloud that holds `segment` and a robot that holds everything."""

    def __init__(self, segment: Segment, whole: Segment, model_id: bytes = MODEL_ID) -> None:
        self.clock = Clock()
        self.link = InProcessServer()
        self.server = CloudServer(segment, self.link, model_id=MODEL_ID, clock=self.clock)
        self.server.start()
        self.transport = RecordingTransport(InProcessTransport(self.link))
        self.session = EdgeSession(whole, self.transport, model_id=model_id, clock=self.clock)

    def step(self, number: int, inputs, span: CloudSpan, *, for_s: float = 5.0) -> StepState:
        state = StepState(tensors=dict(inputs))
        deadline_s = self.clock.now_s + for_s
        self.session.step(number, state, span, codec="raw", deadline_s=deadline_s)
        return state

    def ask(self, request: bytes | Frame) -> Frame:
        payload = encode(request) if isinstance(request, Frame) else request
        return decode(self.transport.inner.exchange(payload, timeout_s=5.0))

    def refusal(self, request: bytes | Frame) -> str:
        return peer_error(self.ask(request)).code


@pytest.fixture
def pair(nano_segment):
    pair = Pair(nano_segment, nano_segment)
    yield pair
    pair.server.close()


@pytest.fixture(scope="module")
def inputs(nano):
    image = torch.zeros(112, 112, 3, dtype=torch.uint8).numpy()
    return nano.model.observe(image, "pick up the mango")


@pytest.fixture
def span(nano_segment) -> CloudSpan:
    names = [layer.name for layer in nano_segment.chain.layers]
    return CloudSpan(names.index("llama.1.norm1"), len(names))


def activations(pair: Pair) -> list[bytes]:
    return [r for r in pair.transport.requests if decode(r).kind is FrameKind.ACTIVATION]


def test_server_answers_an_exact_repeat_of_the_last_frame_with_the_same_reply(pair, inputs, span):
    pair.step(1, inputs, span)
    last = activations(pair)[-1]
    first, second = pair.ask(last), pair.ask(last)
    assert first.kind is FrameKind.CHUNK
    assert [bytes(t.data) for t in first.tensors] == [bytes(t.data) for t in second.tensors]


def test_server_refuses_a_repeat_that_is_not_the_last_frame(pair, inputs, span):
    pair.step(1, inputs, span)
    assert pair.refusal(activations(pair)[2]) == "OUT_OF_ORDER"


def test_server_refuses_an_older_step(pair, inputs, span):
    pair.step(1, inputs, span)
    pair.step(2, inputs, span)
    assert pair.refusal(activations(pair)[0]) == "OUT_OF_ORDER"


def test_server_refuses_a_step_that_begins_in_the_middle(pair, inputs, span):
    pair.step(1, inputs, span)
    middle = dataclasses.replace(decode(activations(pair)[3]), step=2)
    assert pair.refusal(middle) == "OUT_OF_ORDER"


def test_server_refuses_a_change_of_span_within_a_step(pair, inputs, span):
    pair.step(1, inputs, span)
    first, second = map(decode, activations(pair)[:2])
    assert pair.ask(dataclasses.replace(first, step=2)).kind is FrameKind.ACTIVATION
    moved = dataclasses.replace(second, step=2, span=CloudSpan(span.start + 7, span.stop))
    assert pair.refusal(moved) == "OUT_OF_ORDER"


def test_server_refuses_a_frame_after_its_deadline(pair, inputs, span):
    pair.step(1, inputs, span)
    late = decode(activations(pair)[0])
    with pytest.raises(Refusal, match="deadline") as refused:
        pair.server.steps.serve(
            "robot",
            dataclasses.replace(late, step=2),
            checksum=b"other",
            deadline_s=pair.clock.now_s - 0.1,
        )
    assert refused.value.code == "DEADLINE"


def test_server_refuses_tensors_that_the_visit_does_not_expect(pair, inputs, span):
    pair.step(1, inputs, span)
    first = decode(activations(pair)[0])
    assert pair.refusal(dataclasses.replace(first, step=2, tensors=())) == "PROTOCOL"


def test_server_refuses_activations_without_hello(pair, inputs, span):
    pair.step(1, inputs, span)
    stranger = dataclasses.replace(decode(activations(pair)[0]), session=7, step=9)
    assert pair.refusal(stranger) == "NOT_READY"


def test_cancel_frees_the_step_and_refuses_what_comes_late_for_it(pair, inputs, span):
    pair.step(1, inputs, span)
    first, second = map(decode, activations(pair)[:2])
    assert pair.ask(dataclasses.replace(first, step=2)).kind is FrameKind.ACTIVATION
    assert pair.server.steps.steps_in_progress == 1
    cancel = dataclasses.replace(first, kind=FrameKind.CANCEL, step=2, tensors=())
    assert pair.ask(cancel).kind is FrameKind.CANCEL
    assert pair.server.steps.steps_in_progress == 0
    assert pair.refusal(dataclasses.replace(second, step=2)) == "ABANDONED"
    pair.step(3, inputs, span)


def test_a_finished_step_leaves_no_state(pair, inputs, span):
    pair.step(1, inputs, span)
    assert pair.server.steps.steps_in_progress == 0


def test_state_is_freed_at_the_deadline(pair, inputs, span):
    pair.step(1, inputs, span)
    begun = dataclasses.replace(decode(activations(pair)[0]), step=2, budget_s=0.5)
    assert pair.ask(begun).kind is FrameKind.ACTIVATION
    pair.clock.now_s += 1.0
    pair.server.steps.drop_expired()
    gc.collect()
    assert pair.server.steps.steps_in_progress == 0
    late = dataclasses.replace(decode(activations(pair)[1]), step=2)
    assert pair.refusal(late) == "ABANDONED"


def test_hello_names_both_models_when_they_differ(nano_segment):
    pair = Pair(nano_segment, nano_segment, model_id=bytes(16))
    try:
        with pytest.raises(PeerError) as refused:
            pair.session.hello()
        assert refused.value.code == "MODEL_MISMATCH"
        assert MODEL_ID.hex() in str(refused.value)
        assert bytes(16).hex() in str(refused.value)
    finally:
        pair.server.close()


def test_step_refuses_a_span_that_the_cloud_does_not_hold(nano_segment, inputs, span):
    half = Segment(
        nano_segment.chain,
        {i: op for i, op in nano_segment.operations.items() if i >= span.start},
        device=nano_segment.device,
        resident_bytes=1,
    )
    pair = Pair(half, nano_segment)
    try:
        pair.step(1, inputs, span)
        with pytest.raises(SpanNotResidentError, match="in the cloud"):
            pair.step(2, inputs, CloudSpan(span.start - 7, span.stop))
        forged = dataclasses.replace(
            decode(activations(pair)[0]), step=3, span=CloudSpan(1, span.stop)
        )
        assert pair.refusal(forged) == "SPAN_NOT_RESIDENT"
    finally:
        pair.server.close()


def test_step_refuses_a_span_that_leaves_the_robot_layers_it_does_not_hold(
    nano_segment, inputs, span
):
    prefix = Segment(
        nano_segment.chain,
        {i: op for i, op in nano_segment.operations.items() if i < span.start},
        device=nano_segment.device,
        resident_bytes=1,
    )
    pair = Pair(nano_segment, prefix)
    try:
        pair.step(1, inputs, span)
        with pytest.raises(SpanNotResidentError, match="not held by this host"):
            pair.step(2, inputs, CloudSpan(0, 0))
    finally:
        pair.server.close()


def test_step_past_its_deadline_is_abandoned_and_the_cloud_is_told(pair, inputs, span):
    with pytest.raises(StepTimeoutError, match="deadline"):
        pair.step(1, inputs, span, for_s=-1.0)
    assert [decode(n).kind for n in pair.transport.notices] == [FrameKind.CANCEL]


def test_session_introduces_itself_again_after_the_cloud_restarted(
    pair, nano_segment, inputs, span
):
    pair.step(1, inputs, span)
    pair.server.close()
    with pytest.raises(TransportError):
        pair.step(2, inputs, span)
    pair.server = CloudServer(nano_segment, pair.link, model_id=MODEL_ID, clock=pair.clock)
    pair.server.start()
    with pytest.raises(PeerError, match="HELLO"):
        pair.step(3, inputs, span)
    pair.step(4, inputs, span)


def test_server_answers_bytes_that_are_no_frame_with_an_error_frame(pair):
    assert pair.refusal(b"not a frame at all") == "PROTOCOL"


def test_server_survives_a_layer_that_fails_and_names_the_kind_of_error_only(
    nano_segment, inputs, span
):
    def broken(_context, *_tensors):
        raise ZeroDivisionError("secret detail")

    operations = {**nano_segment.operations, span.stop - 2: broken}
    broken_segment = Segment(
        nano_segment.chain, operations, device=nano_segment.device, resident_bytes=1
    )
    pair = Pair(broken_segment, nano_segment)
    try:
        with pytest.raises(PeerError, match="ZeroDivisionError") as refused:
            pair.step(1, inputs, span)
        assert refused.value.code == "INTERNAL"
        assert "secret" not in str(refused.value)
        heartbeat(pair.transport.inner, timeout_s=5.0)
    finally:
        pair.server.close()


def test_step_state_is_not_kept_by_the_robot(pair, inputs, span):
    state = pair.step(1, inputs, span)
    reference = weakref.ref(state.tensors["tokens"])
    del state
    gc.collect()
    assert reference() is None


def test_probe_moves_the_bytes_asked_for_and_refuses_more_than_the_cap(pair):
    exchange = probe(pair.transport.inner, bytes_up=20_000, bytes_down=10_000, timeout_s=5.0)
    assert exchange.bytes_up > 20_000
    assert 10_000 < exchange.bytes_down < 11_000
    with pytest.raises(ProtocolError, match="at most"):
        probe(pair.transport.inner, bytes_up=0, bytes_down=2**20, timeout_s=5.0)
