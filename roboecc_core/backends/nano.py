# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""`nano`: a small model of the OpenVLA structure, written as a checkpoint folder from a seed.

Its weights are random, so it proves plumbing and timing, not skill. It is written once to
the cache and from then on read like any other checkpoint, by the same code.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from roboecc_core.backends.checkpoint import CheckpointFolder, Source
from roboecc_core.backends.model import digest_model, manifest_path
from roboecc_core.backends.openvla import OpenVla
from roboecc_core.planning.nano import nano_config, nano_folder

# Text rows of the output head are damped by this much, so that the greedy token is an
# action token, as it is in a trained model.
_TEXT_LOGIT_SCALE = 1e-2


def nano_checkpoint(seed: int) -> Path:
    """Return the folder of `nano` with weights from `seed`, writing it if it is not there.

    Two processes may call this at once: the folder appears whole or not at all.
    """
    folder = nano_folder(seed)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=folder.name))
    try:
        write_checkpoint(scratch, nano_config(seed), seed)
        scratch.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process was first
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def write_checkpoint(folder: Path, config: dict[str, Any], seed: int) -> None:
    """Write config, random weights, tokenizer and manifest in OpenVLA's folder layout."""
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    save_file({}, str(folder / "model.safetensors"))
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    model = OpenVla(CheckpointFolder(folder), dtype="float32")
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    for index in range(model.chain.num_layers):
        module, sources = model.build_layer(index)
        shapes = {name: tuple(p.shape) for name, p in module.named_parameters()}
        for name, source in sources.items():
            _fill(tensors, source, shapes[name], generator)
    head = tensors["language_model.lm_head.weight"]
    head[: len(head) - config["pad_to_multiple_of"] - config["n_action_bins"]] *= _TEXT_LOGIT_SCALE
    head[len(head) - config["pad_to_multiple_of"] :] *= _TEXT_LOGIT_SCALE
    save_file(tensors, str(folder / "model.safetensors"))
    written = OpenVla(CheckpointFolder(folder), dtype="float32")
    digest_model(written).save(manifest_path(written))


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
