# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Checkpoint folders with random weights, in the layouts of the public ones.

They prove plumbing, memory and timing, not skill: speed does not depend on the values.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from roboecc_core.backends.checkpoint import CheckpointFolder, Source
from roboecc_core.backends.families import structure_of
from roboecc_core.backends.model import Model

# Text rows of the output head are damped by this much, so that the greedy token is an
# action token, as it is in a trained model.
_TEXT_LOGIT_SCALE = 1e-2


def write_openvla(folder: Path, config: dict[str, Any], seed: int) -> None:
    """Write config, weights from `seed` and a tokenizer in OpenVLA's folder layout."""
    _write_frame(folder, config)
    save_file({}, str(folder / "model.safetensors"))
    tensors = _random_tensors(_model(folder), seed)
    head = tensors["language_model.lm_head.weight"]
    end_of_bins = len(head) - int(config.get("pad_to_multiple_of", 64))
    head[: end_of_bins - int(config.get("n_action_bins", 256))] *= _TEXT_LOGIT_SCALE
    head[end_of_bins:] *= _TEXT_LOGIT_SCALE
    save_file(tensors, str(folder / "model.safetensors"))


def write_headed(folder: Path, config: dict[str, Any], seed: int) -> None:
    """Write OpenVLA's trunk under the head that `roboecc_head` describes."""
    _write_frame(folder, config)
    save_file({}, str(folder / "model.safetensors"))
    save_file(_random_tensors(_model(folder), seed), str(folder / "model.safetensors"))


def write_mlp_resnet(folder: Path, config: dict[str, Any], seed: int, *, inputs: int) -> None:
    """Write OpenVLA's trunk under an MLPResNet of its own file, as OpenVLA-OFT and VOTE have it.

    `mlp_head` in `config` says its width, blocks, outputs and, for a robot's state, state_dim.
    """
    config = dict(config)
    sizes = config.pop("mlp_head")
    _write_frame(folder, config)
    save_file({}, str(folder / "model.safetensors"))
    skeleton = {
        "module.model.fc1.weight": torch.empty(sizes["width"], inputs),
        "module.model.fc2.weight": torch.empty(sizes["outputs"], sizes["width"]),
    }
    for number in range(sizes["blocks"]):
        skeleton[f"module.model.mlp_resnet_blocks.{number}.ffn.1.bias"] = torch.empty(1)
    torch.save(skeleton, folder / "action_head--random.pt")
    if sizes.get("state_dim"):
        state = {"module.fc1.weight": torch.empty(1, sizes["state_dim"])}
        torch.save(state, folder / "proprio_projector--random.pt")
    parts: dict[str, dict[str, torch.Tensor]] = {"action_head": {}, "proprio_projector": {}}
    trunk = {}
    for key, tensor in _random_tensors(_model(folder), seed).items():
        part, _, rest = key.partition(".")
        if part in parts:
            parts[part][f"module.{rest}"] = tensor
        else:
            trunk[key] = tensor
    save_file(trunk, str(folder / "model.safetensors"))
    for part, tensors in parts.items():
        if tensors:
            torch.save(tensors, folder / f"{part}--random.pt")


def write_cogact(folder: Path, config: dict[str, Any], seed: int) -> None:
    """Write config, statistics, weights from `seed` and a tokenizer in CogACT's layout.

    `norm_stats` in `config` becomes dataset_statistics.json.
    """
    config = dict(config)
    statistics = config.pop("norm_stats")
    (folder / "dataset_statistics.json").write_text(json.dumps(statistics), encoding="utf-8")
    _write_frame(folder, config)
    (folder / "checkpoints").mkdir()
    file = folder / "checkpoints" / "random.pt"
    torch.save({"model": {}}, file)
    groups: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in _random_tensors(_model(folder), seed).items():
        group, _, rest = key.partition(".")
        groups.setdefault(group, {})[rest] = tensor
    torch.save({"model": groups}, file)


def _write_frame(folder: Path, config: dict[str, Any]) -> None:
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    byte_tokenizer().save(str(folder / "tokenizer.json"))


def _model(folder: Path) -> Model:
    return structure_of(CheckpointFolder(folder), dtype="float32")


def _random_tensors(model: Model, seed: int) -> dict[str, torch.Tensor]:
    """Make up every parameter of every layer under its key in the checkpoint."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    for index in range(model.chain.num_layers):
        module, sources = model.build_layer(index)
        shapes = {name: tuple(p.shape) for name, p in module.named_parameters()}
        for name, source in sources.items():
            _fill(tensors, source, shapes[name], generator)
    return tensors


def _fill(
    tensors: dict[str, torch.Tensor],
    source: Source,
    shape: tuple[int, ...],
    generator: torch.Generator,
) -> None:
    """Make up one parameter; the parts of a fused one are drawn in turn and joined."""
    if len(shape) == 1:
        value = torch.zeros(shape) if source.key.endswith("bias") else torch.ones(shape)
    else:
        fan_in = float(torch.tensor(shape[1:]).prod())
        value = torch.randn(shape, generator=generator) / fan_in**0.5
    if source.part:
        value = torch.cat((tensors[source.key], value))
    tensors[source.key] = value


def byte_tokenizer() -> Tokenizer:
    """Return a tokenizer whose tokens are bytes: 0 <unk>, 1 <s>, 2 </s>, then 256 bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2}
    vocabulary |= {character: 3 + index for index, character in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return tokenizer
