# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""A split step gives the unsplit model's tokens and logits, bit for bit, through frame bytes.

Equal device, dtype, torch and thread count; that is all that bit-equality can promise.
"""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from roboecc_core.backends.unsplit import UnsplitOpenVla  # noqa: E402
from roboecc_core.data_plane.cloud_server import CloudServer  # noqa: E402
from roboecc_core.data_plane.edge_session import EdgeSession  # noqa: E402
from roboecc_core.data_plane.segment import Segment, StepState  # noqa: E402
from roboecc_core.data_plane.transport.inprocess import (  # noqa: E402
    Direction,
    InProcessServer,
    InProcessTransport,
)
from roboecc_core.errors import RoboEccError  # noqa: E402
from roboecc_core.planning.structure import plan_step  # noqa: E402
from roboecc_core.types import CloudSpan  # noqa: E402

pytestmark = pytest.mark.torch
INSTRUCTION = "pick up the orange mango and put it on the stainless steel plate"


class Rig:
    """One robot and one cloud over an in-process link, recording every logit."""

    def __init__(self, nano, segment: Segment, fault=None) -> None:
        head = next(i for i, la in enumerate(segment.chain.layers) if la.name == "head")
        self.logits: list[torch.Tensor] = []

        def recording_head(context, *tensors):
            logits, tokens = segment.operations[head](context, *tensors)
            self.logits.append(logits[0].clone())
            return logits, tokens

        operations = {**segment.operations, head: recording_head}
        both = Segment(segment.chain, operations, device=segment.device, resident_bytes=1)
        link = InProcessServer()
        self.server = CloudServer(both, link, model_id=nano.model_id)
        self.server.start()
        transport = InProcessTransport(link, fault=fault)
        self.session = EdgeSession(both, transport, model_id=nano.model_id)
        self._next_step = 1

    def step(self, inputs, span: CloudSpan):
        """Run a step; return tokens and logits."""
        self.logits.clear()
        number, self._next_step = self._next_step, self._next_step + 1
        state = StepState(tensors=dict(inputs))
        deadline_s = self.session._clock() + 20.0
        self.session.step(number, state, span, codec="raw", deadline_s=deadline_s)
        return state.tensors["tokens"], torch.stack(self.logits)


@pytest.fixture(scope="module")
def inputs(nano):
    generator = torch.Generator().manual_seed(3)
    image = torch.randint(0, 256, (224, 224, 3), generator=generator, dtype=torch.uint8)
    return nano.model.observe(image.numpy(), INSTRUCTION)


@pytest.fixture(scope="module")
def unsplit(nano, inputs):
    return UnsplitOpenVla(nano.model).run(inputs)


@pytest.fixture(scope="module")
def rig(nano, nano_segment):
    rig = Rig(nano, nano_segment)
    yield rig
    rig.server.close()


def assert_equal(got, unsplit) -> None:
    tokens, logits = got
    assert torch.equal(tokens, unsplit["tokens"][0])
    assert torch.equal(logits, torch.cat(unsplit["logits"])), "logits differ in some bit"


def test_unsplit_model_draws_action_tokens_that_depend_on_the_image(nano, inputs, unsplit):
    other = {**inputs, "image": inputs["image"].flip(1)}
    assert len(set(unsplit["tokens"][0].tolist())) > 1
    elsewhere = UnsplitOpenVla(nano.model).run(other)
    assert not torch.equal(elsewhere["logits"][0], unsplit["logits"][0])


def test_split_equals_unsplit_at_every_block_boundary_edge_prefix(rig, inputs, unsplit):
    chain = rig.session.segment.chain
    for cut in chain.block_boundaries:
        assert_equal(rig.step(inputs, CloudSpan(cut, chain.num_layers)), unsplit)


def test_split_equals_unsplit_at_every_block_boundary_cloud_prefix(rig, inputs, unsplit):
    for cut in rig.session.segment.chain.block_boundaries:
        assert_equal(rig.step(inputs, CloudSpan(0, cut)), unsplit)


def test_split_equals_unsplit_at_every_cut_inside_a_block_of_each_tower(rig, inputs, unsplit):
    chain = rig.session.segment.chain
    for cut, layer in enumerate(chain.layers):
        if layer.block in ("dino.1", "siglip.0", "llama.2"):
            assert_equal(rig.step(inputs, CloudSpan(cut, chain.num_layers)), unsplit)


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_split_equals_unsplit_for_any_sandwich(rig, inputs, unsplit, data):
    num_layers = rig.session.segment.chain.num_layers
    start = data.draw(st.integers(0, num_layers))
    stop = data.draw(st.integers(start, num_layers))
    assert_equal(rig.step(inputs, CloudSpan(start, stop)), unsplit)


class Script:
    """A link that loses, doubles, delays and reorders as drawn, after the HELLO."""

    def __init__(self, moves: list[str]) -> None:
        self.moves = moves
        self.kept: list[bytes] = []

    def __call__(self, direction: Direction, number: int, message: bytes) -> list[bytes]:
        if number == 0 or not self.moves:
            return [message]
        move, late = self.moves.pop(0), []
        if move in ("late", "early"):  # what was kept arrives after or before newer frames
            late, self.kept = self.kept, []
        if move == "keep":
            self.kept.append(message)
        delivered = {"lose": [], "keep": [], "double": [message, message]}
        now = delivered.get(move, [message])
        return [*now, *late] if move == "late" else [*late, *now]


@given(
    moves=st.lists(
        st.sampled_from(["pass", "pass", "double", "lose", "keep", "late", "early"]),
        max_size=12,
    ),
    cut=st.sampled_from(["llama.1.norm1", "embed", "head"]),
)
@settings(max_examples=12, deadline=None)
def test_bad_link_gives_equal_tokens_or_an_abandoned_step_and_the_next_step_is_clean(
    nano, nano_segment, inputs, unsplit, moves, cut
):
    chain = nano_segment.chain
    start = next(i for i, layer in enumerate(chain.layers) if layer.name == cut)
    span = CloudSpan(start, chain.num_layers)
    script = Script(list(moves))
    rig = Rig(nano, nano_segment, fault=script)
    try:
        for _ in range(2):
            try:
                tokens, _ = rig.step(inputs, span)
            except RoboEccError:
                continue  # abandoned, with a reason
            assert torch.equal(tokens, unsplit["tokens"][0])
        script.moves.clear()
        tokens, _ = rig.step(inputs, span)
        assert torch.equal(tokens, unsplit["tokens"][0])
    finally:
        rig.server.close()


def test_warm_up_runs_any_part_of_a_model_and_leaves_its_results_as_they_were(
    nano_segment, inputs, unsplit
):
    chain = nano_segment.chain
    part = {i: op for i, op in nano_segment.operations.items() if 20 <= i < 70}
    Segment(chain, part, device=nano_segment.device, resident_bytes=1).warm_up()
    nano_segment.warm_up()
    state = StepState(tensors=dict(inputs))
    nano_segment.run(plan_step(chain, CloudSpan(0, 0)).visits[0], state)
    assert torch.equal(state.tensors["tokens"], unsplit["tokens"][-1])
