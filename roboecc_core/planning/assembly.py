# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""From a model's description to its layer chain: encoder, backbone, head, step program."""

from __future__ import annotations

import dataclasses

from roboecc_core.planning.chain import Layer, LayerChain, Phase, TensorIo, TensorSpec, Weight
from roboecc_core.planning.description import Detokenizer, Mlp, ModelDescription
from roboecc_core.planning.encoder import (
    projector_layers,
    tower_layers,
    tower_stream,
    tower_tensors,
)
from roboecc_core.planning.heads import HeadPart, head_part
from roboecc_core.planning.transformer import Stream, linear, norm_weights

_IMAGE_PX = 224  # every model here is fed 224 x 224 pixels; towers resize for themselves


def assemble(model: ModelDescription, *, image_px: int = _IMAGE_PX) -> LayerChain:
    """Return the layer chain of a described model.

    Raises:
        ConfigError: the description contradicts itself.
    """
    dtype, images = model.dtype, model.num_images
    towers = [(t, tower_stream(t, num_images=images, dtype=dtype)) for t in model.towers]
    backbone, head = backbone_stream(model), head_part(model)
    tensors = [
        TensorSpec("image", "uint8", (images, image_px, image_px, 3)),
        TensorSpec("prompt_ids", "int64", (1, "prompt")),
        TensorSpec("projected", dtype, (images, model.towers[0].num_patches, backbone.width)),
        *(spec for tower, stream in towers for spec in tower_tensors(tower, stream)),
        *backbone.tensor_specs(model.backbone.depth),
        *_backbone_tensors(model),
        *head.tensors,
    ]
    layers = [
        *(layer for tower, stream in towers for layer in tower_layers(tower, stream)),
        *projector_layers(model, [stream for _, stream in towers]),
        *_language_layers(model, backbone),
        *head.layers,
    ]
    proprio = ("proprio",) if model.proprio_dim else ()
    tokens = ("tokens",) if isinstance(model.head, Detokenizer) else ()
    return LayerChain(
        model=model.name,
        layers=tuple(layers),
        tensors={spec.name: spec for spec in tensors},
        program=_program(model, head),
        inputs=tuple(dict.fromkeys(("image", "prompt_ids", *proprio, *head.inputs))),
        outputs=(*tokens, "actions"),
        actions_per_step=model.head.horizon,
    )


def backbone_passes(model: ModelDescription) -> int:
    """How often a step runs the backbone: once, and once more for each token but the first."""
    if isinstance(model.head, Detokenizer):
        return model.head.tokens
    return model.head.passes if isinstance(model.head, Mlp) else 1


def backbone_stream(model: ModelDescription) -> Stream:
    """Return the residual stream of the language model."""
    backbone, passes = model.backbone, backbone_passes(model)
    head_dim = backbone.head_dim or backbone.width // backbone.num_heads
    return Stream(
        prefix=backbone.name,
        stage="backbone",
        phases=("prefill", "decode") if passes > 1 else ("prefill",),
        rows="rows",
        width=backbone.width,
        mlp_width=backbone.mlp_width,
        q_width=backbone.num_heads * head_dim,
        kv_width=backbone.num_kv_heads * head_dim,
        dtype=model.dtype,
        num_heads=backbone.num_heads,
        keys="context",
        norm="rms",
        has_gate=True,
        has_bias=False,
        norms_per_block=backbone.norms_per_block,
        is_causal=backbone.is_causal,
        has_cache=passes > 1,
        exports_kv=_head_kind(model) == "Expert",
    )


def _head_kind(model: ModelDescription) -> str:
    return type(model.head).__name__


def _feature_rows(model: ModelDescription) -> int:
    return model.head.feature_rows if isinstance(model.head, Mlp) else 1


def _backbone_tensors(model: ModelDescription) -> list[TensorSpec]:
    width = model.backbone.width
    tensors = []
    if model.proprio_dim:
        tensors.append(TensorSpec("proprio", "float32", (1, model.proprio_dim)))
        tensors.append(TensorSpec("proprio_token", model.dtype, (1, width)))
    if isinstance(model.head, Detokenizer):
        return [
            *tensors,
            TensorSpec(f"{model.backbone.name}.normed", model.dtype, (1, "rows", width)),
            TensorSpec("logits", model.dtype, (1, model.backbone.vocab_size)),
            TensorSpec("tokens", "int64", (model.head.tokens,)),
        ]
    return [*tensors, TensorSpec("features", model.dtype, (1, "features", width))]


def _language_layers(model: ModelDescription, stream: Stream) -> list[Layer]:
    """Embedding, decoder blocks, norm and, where tokens are made, the output head."""
    blocks = [
        layer for index in range(model.backbone.depth) for layer in stream.block_layers(index)
    ]
    if _head_kind(model) == "Expert":  # the last block's result is read by nobody but a norm
        return [_embed_layer(model, stream), *blocks, _final_norm(model, stream)]
    return [_embed_layer(model, stream), *blocks, *_tail(model, stream)]


def _embed_layer(model: ModelDescription, stream: Stream) -> Layer:
    backbone, hidden = model.backbone, (stream.named("hidden"),)
    proprio = ("proprio_token",) if model.proprio_dim else ()
    again = ("tokens",) if isinstance(model.head, Detokenizer) else ()
    io = {
        "prefill": TensorIo(("projected", "prompt_ids", *proprio), hidden),
        "decode": TensorIo(again, hidden),
    }
    sizes = [backbone.vocab_size, *([backbone.extra_embeddings] * (backbone.extra_embeddings > 0))]
    tables = tuple(
        Weight(f"table{number or ''}.weight", (size, backbone.width), model.dtype, "table")
        for number, size in enumerate(sizes)
    )
    kept = {phase: io[phase] for phase in stream.phases}
    return Layer("embed", "embed", "backbone", kept, "table", tables)


def _final_norm(model: ModelDescription, stream: Stream) -> Layer:
    io = {"prefill": TensorIo((stream.named("hidden"),), ("features",))}
    weights = norm_weights("norm", stream.width, model.dtype, "rms")
    return Layer("norm", "norm", "backbone", io, "norm", weights)


def _tail(model: ModelDescription, stream: Stream) -> list[Layer]:
    """The final norm and the output head; without tokens the latter is never read."""
    hidden, normed = stream.named("hidden"), stream.named("normed")
    backbone, phases = model.backbone, stream.phases
    weights = norm_weights("norm", backbone.width, model.dtype, "rms")
    output = linear("head", backbone.width, backbone.vocab_size, model.dtype, bias=False)
    if isinstance(model.head, Detokenizer):
        norm = dict.fromkeys(phases, TensorIo((hidden,), (normed,)))
        first, later = TensorIo((normed,), ("logits", "tokens")), ("logits", "tokens")
        io = {"prefill": first, "decode": TensorIo((normed, "tokens"), later)}
        kept = {phase: io[phase] for phase in phases}
        return [
            Layer("norm", "norm", "backbone", norm, "norm", weights),
            Layer("head", "head", "backbone", kept, "linear", output),
        ]
    if backbone.has_output_head:
        weights += tuple(dataclasses.replace(weight, use="unused") for weight in output)
    io = {
        "prefill": TensorIo((hidden,), ("features",)),
        "decode": TensorIo((hidden, "features"), ("features",)),  # appends a row
    }
    kept = {phase: io[phase] for phase in phases}
    return [Layer("norm", "norm", "backbone", kept, "norm", weights)]


def _program(model: ModelDescription, head: HeadPart) -> tuple[Phase, ...]:
    rows, passes = model.prefill_rows, backbone_passes(model)
    features = _feature_rows(model)
    later = passes - 1
    dims = {
        "prompt": model.prompt_tokens,
        "rows": rows,
        "context": rows,
        "features": features,
    }
    # each pass adds a position; the mean over the passes stands for all of them
    again = {**dims, "rows": 1, "context": rows + (later + 1) // 2, "features": features * passes}
    decode = (Phase("decode", later, again),) if later else ()
    return (
        Phase("vision", 1, {**dims, "rows": 0}),
        Phase("prefill", 1, dims),
        *decode,
        *head.program({**again, "features": features * passes}),
    )
