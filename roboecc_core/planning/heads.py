# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The decoders of the paper's S_dec as layers: how features or tokens become actions."""

from __future__ import annotations

import dataclasses

from roboecc_core.planning.chain import Layer, Phase, TensorIo, TensorSpec, Weight
from roboecc_core.planning.description import (
    Detokenizer,
    Diffusion,
    Dit,
    Expert,
    Head,
    Lstm,
    Mlp,
    ModelDescription,
)
from roboecc_core.planning.transformer import Stream, linear, norm_weights

_TIME_FEATURES = 256  # of the sinusoidal time step embedding in DiT
_FINISH = "finish"


@dataclasses.dataclass(frozen=True, slots=True)
class HeadPart:
    """What a head adds to a chain.

    Attributes:
        phase, repeats: the phase in which it runs, and how often.
        inputs: tensors that the robot brings for it.
    """

    layers: list[Layer]
    tensors: list[TensorSpec]
    phase: str
    repeats: int = 1
    inputs: tuple[str, ...] = ()

    def program(self, dims: dict[str, int]) -> tuple[Phase, ...]:
        """The phases behind the backbone's; each head ends with physical units."""
        own = (Phase(self.phase, self.repeats, dims),)
        return own if self.phase == _FINISH else (*own, Phase(_FINISH, 1, dims))


def head_part(model: ModelDescription) -> HeadPart:
    """Return the layers of a model's head."""
    head: Head = model.head
    if isinstance(head, Detokenizer):
        return _detokenizer(head)
    if isinstance(head, Mlp):
        return _mlp(head, model)
    if isinstance(head, Lstm):
        return _lstm(head, model)
    if isinstance(head, Diffusion):
        return _diffusion(head, model)
    return _dit(head, model) if isinstance(head, Dit) else _expert(head, model)


def _layer(name: str, phase: str, io: TensorIo, weights: tuple[Weight, ...]) -> Layer:
    return Layer(name, name, "decoder", {phase: io}, "linear" if weights else "other", weights)


def _detokenizer(head: Detokenizer) -> HeadPart:
    layer = _layer("detokenize", _FINISH, TensorIo(("tokens",), ("actions",)), ())
    return HeadPart([layer], [_actions(head)], _FINISH)


def _actions(head: Head) -> TensorSpec:
    return TensorSpec("actions", "float64", (head.horizon, head.action_dim))


def _unnormalise(reads: str) -> Layer:
    """From the network's numbers to physical units; weighs nothing."""
    return _layer("unnormalise", _FINISH, TensorIo((reads,), ("actions",)), ())


def _mlp(head: Mlp, model: ModelDescription) -> HeadPart:
    """MLPResNet of OpenVLA-OFT and VOTE: norm, way in, residual blocks, norm, way out."""
    dtype, width = model.dtype, head.width
    features = head.feature_rows * head.passes // head.rows * model.backbone.width
    outputs = head.horizon * head.action_dim // head.rows
    enter = (
        *norm_weights("norm", features, dtype, "layer"),
        *linear("fc", features, width, dtype),
    )
    block = (*norm_weights("norm", width, dtype, "layer"), *linear("fc", width, width, dtype))
    leave = (*norm_weights("norm", width, dtype, "layer"), *linear("fc", width, outputs, dtype))
    hidden = TensorIo(("mlp.hidden",), ("mlp.hidden",))
    layers = [
        _layer("mlp.in", _FINISH, TensorIo(("features",), ("mlp.hidden",)), enter),
        *(_layer(f"mlp.{i}", _FINISH, hidden, block) for i in range(head.blocks)),
        _layer("mlp.out", _FINISH, TensorIo(("mlp.hidden",), ("normalised",)), leave),
        _unnormalise("normalised"),
    ]
    tensors = [
        TensorSpec("mlp.hidden", dtype, (head.rows, width)),
        TensorSpec("normalised", dtype, (head.rows, outputs)),
        _actions(head),
    ]
    return HeadPart(layers, tensors, _FINISH)


def _lstm(head: Lstm, model: ModelDescription) -> HeadPart:
    """Cells that take the features and their own state, unrolled over the horizon."""
    dtype, width = model.dtype, head.width
    layers, inputs, below = [], model.backbone.width, "features"
    tensors = [TensorSpec("normalised", dtype, (head.horizon, head.action_dim))]
    for number in range(head.cells):
        state = f"lstm.{number}.state"
        weights = (
            *linear("input", inputs, 4 * width, dtype, rows=(1,)),
            *linear("state", width, 4 * width, dtype, rows=(1,)),
        )
        io = TensorIo((below, state), (state,))
        layers.append(_layer(f"lstm.{number}", "unroll", io, weights))
        tensors.append(TensorSpec(state, dtype, (2, width)))
        below, inputs = state, width
    out = TensorIo((below, "normalised"), ("normalised",))
    final = linear("fc", width, head.action_dim, dtype, rows=(1,))
    layers += [_layer("lstm.out", "unroll", out, final), _unnormalise("normalised")]
    states = tuple(tensor.name for tensor in tensors)  # zeros, and the empty chunk
    return HeadPart(layers, [*tensors, _actions(head)], "unroll", head.horizon, states)


def _diffusion(head: Diffusion, model: ModelDescription) -> HeadPart:
    dtype, width = head.dtype, head.width
    flat = head.horizon * head.action_dim
    enter = (
        *linear("sample", flat, width, dtype),
        *linear("condition", model.backbone.width, width, dtype),
        *linear("time", _TIME_FEATURES, width, dtype),
    )
    block = (
        *norm_weights("norm", width, dtype, "layer"),
        *linear("up", width, 4 * width, dtype),
        *linear("down", 4 * width, width, dtype),
    )
    hidden = TensorIo(("denoiser.hidden",), ("denoiser.hidden",))
    enters = TensorIo(("features", "sample"), ("denoiser.hidden",))
    leaves = TensorIo(("denoiser.hidden", "sample"), ("sample",))
    leave = linear("out", width, flat, dtype, rows=(1,))
    layers = [
        _layer("denoiser.in", "denoise", enters, enter),
        *(_layer(f"denoiser.{i}", "denoise", hidden, block) for i in range(head.blocks)),
        _layer("denoiser.out", "denoise", leaves, leave),
        _unnormalise("sample"),
    ]
    tensors = [
        TensorSpec("denoiser.hidden", dtype, (1, width)),
        TensorSpec("sample", dtype, (1, head.horizon, head.action_dim)),
        _actions(head),
    ]
    return HeadPart(layers, tensors, "denoise", head.iterations, ("sample",))


def _dit(head: Dit, model: ModelDescription) -> HeadPart:
    """CogACT's action model: one condition token and the noisy chunk through plain blocks."""
    dtype, width, tokens = head.dtype, head.width, head.horizon + 1
    stream = Stream(
        prefix="dit",
        stage="decoder",
        phases=("denoise",),
        rows=tokens,
        width=width,
        mlp_width=head.mlp_width,
        q_width=width,
        kv_width=width,
        dtype=dtype,
        num_heads=head.num_heads,
        batch=head.guidance_batch,
        norm="plain",
    )
    batch = head.guidance_batch
    history = linear("history", head.action_dim, width, dtype)
    enter = (
        *linear("sample", head.action_dim, width, dtype, rows=(batch, head.horizon)),
        *linear("time.0", _TIME_FEATURES, width, dtype, rows=(batch,)),
        *linear("time.2", width, width, dtype, rows=(batch,)),
        *linear("condition", model.backbone.width, width, dtype, rows=(batch,)),
        Weight("uncondition", (1, model.backbone.width), dtype, "vector"),
        Weight("positions", (tokens, width), dtype, "vector"),
        *(dataclasses.replace(weight, use="unused") for weight in history),
    )
    hidden = stream.named("hidden")
    embed = TensorIo(("features", "sample"), (hidden,))
    final = linear("out", width, head.action_dim, dtype, rows=(batch, tokens))
    layers = [
        _layer("dit.embed", "denoise", embed, enter),
        *(layer for index in range(head.depth) for layer in stream.block_layers(index)),
        _layer("dit.final", "denoise", TensorIo((hidden, "sample"), ("sample",)), final),
        _unnormalise("sample"),
    ]
    sample = TensorSpec("sample", dtype, (1, head.horizon, head.action_dim))
    tensors = [*stream.tensor_specs(), sample, _actions(head)]
    return HeadPart(layers, tensors, "denoise", head.iterations, ("sample",))


def _expert(head: Expert, model: ModelDescription) -> HeadPart:
    """pi0's action expert: its blocks attend to the backbone's keys and values as well."""
    dtype, width, tokens = model.dtype, head.width, head.horizon + 1
    stream = Stream(
        prefix="expert",
        stage="decoder",
        phases=("denoise",),
        rows=tokens,
        width=width,
        mlp_width=head.mlp_width,
        q_width=head.num_heads * head.head_dim,
        kv_width=head.num_kv_heads * head.head_dim,
        dtype=dtype,
        num_heads=head.num_heads,
        keys=model.prefill_rows + tokens,
        norm="rms",
        has_gate=True,
        has_bias=False,
        joint_prefix=model.backbone.name,
    )
    horizon = (head.horizon,)
    enter = (
        *linear("state", head.action_dim, width, dtype, rows=(1,)),
        *linear("action", head.action_dim, width, dtype, rows=horizon),
        *linear("time.0", 2 * width, width, dtype, rows=horizon),
        *linear("time.2", width, width, dtype, rows=horizon),
    )
    leave = (
        *norm_weights("norm", width, dtype, "rms"),
        *linear("out", width, head.action_dim, dtype, rows=horizon),
    )
    hidden = stream.named("hidden")
    embed = TensorIo(("proprio", "sample"), (hidden,))
    layers = [
        _layer("expert.embed", "denoise", embed, enter),
        *(layer for index in range(head.depth) for layer in stream.block_layers(index)),
        _layer("expert.out", "denoise", TensorIo((hidden, "sample"), ("sample",)), leave),
        _unnormalise("sample"),
    ]
    tensors = [
        *stream.tensor_specs(),
        TensorSpec("sample", "float32", (1, head.horizon, head.action_dim)),
        TensorSpec("proprio", "float32", (1, head.action_dim)),
        _actions(head),
    ]
    return HeadPart(layers, tensors, "denoise", head.iterations, ("sample", "proprio"))
