# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Our layers against tensors that a model's original implementation recorded.

A reference is an npz file with the original's inputs (`pixel_values` already normalised,
`input_ids`, and `noise` where the head is a denoiser) and whatever it kept on the way.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from roboecc_core.backends.actions import UnnormaliseActions
from roboecc_core.backends.dit_layers import DitEmbed, DitFinal
from roboecc_core.backends.recording import Recording
from roboecc_core.backends.transformer_blocks import Attention, Rotary
from roboecc_core.backends.vision_towers import PatchEmbed
from roboecc_core.data_plane.segment import LayerContext, LayerOperation, Segment, StepState
from roboecc_core.errors import ConfigError
from roboecc_core.planning.structure import plan_step
from roboecc_core.types import CloudSpan

Array = npt.NDArray[Any]
Reference = Mapping[str, Array]
_EPS_TIMESTEP = 50
CLOSE = 1e-4  # what two implementations in float32 may differ by


@dataclasses.dataclass(frozen=True, slots=True)
class ReferenceReport:
    """How far a run is from the reference; None = the reference does not hold it.

    Attributes:
        token_ids_equal: whether every action token is the same.
        actions: largest difference of the actions, in their units.
        intermediates: largest difference of each tensor that the reference kept.
        rotary_dtype: in which the reference's rotary frequencies were held (ADR 0009).
    """

    token_ids_equal: bool | None
    actions: float | None
    intermediates: Mapping[str, float]
    rotary_dtype: str = "float32"

    @property
    def worst(self) -> float:
        """The largest difference of all intermediates; 0 where the reference kept none."""
        return max(self.intermediates.values(), default=0.0)


def load_reference(path: Path) -> dict[str, Array]:
    """Read an npz file.

    Raises:
        ConfigError: it cannot be read, or holds no inputs.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            reference = dict(file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read reference {str(path)!r}: {error}") from error
    if missing := {"pixel_values", "input_ids"} - reference.keys():
        raise ConfigError(f"reference {str(path)!r} lacks {sorted(missing)}")
    return reference


@dataclasses.dataclass(frozen=True, slots=True)
class _Run:
    """A step on the reference's inputs: the layers, and what they wrote."""

    segment: Segment
    recording: Recording
    reference: Reference


def compare(segment: Segment, reference: Reference) -> ReferenceReport:
    """Run a whole step on the reference's inputs and compare all that it kept.

    Where that is not close, the reference may come from a model that was moved to bfloat16
    as a whole and back, which rounds its rotary frequencies too; the closer one is reported.

    Raises:
        ConfigError: its pixels have another size than the model's images.
    """
    exact = _compare(segment, reference)
    if exact.worst <= CLOSE:
        return exact
    rounded = _compare(_with_rounded_rotary(segment), reference)
    if rounded.worst >= exact.worst:
        return exact
    return dataclasses.replace(rounded, rotary_dtype="bfloat16")


def _with_rounded_rotary(segment: Segment) -> Segment:
    operations = dict(segment.operations)
    for index, operation in operations.items():
        if isinstance(operation, Attention) and operation.rotary is not None:
            library: Any = copy.deepcopy(operation.rotary.library)
            library.inv_freq = library.inv_freq.to(torch.bfloat16).float()
            rounded = Rotary(library)
            operations[index] = Attention(operation.spec, rotary=rounded, scale=operation.scale)
    return Segment(segment.chain, operations, device=segment.device, resident_bytes=0)


def _compare(segment: Segment, reference: Reference) -> ReferenceReport:
    run = _Run(segment, run_on(segment, reference), reference)
    token_ids_equal = None
    if "action_token_ids" in reference:
        tokens = run.recording.of("tokens")[-1].cpu().numpy()
        token_ids_equal = bool(np.array_equal(tokens, reference["action_token_ids"]))
    actions = None
    if "actions" in reference:
        actions = _difference(run.recording.of("actions")[-1], reference["actions"])
    readers = {name: read for name, read in _READERS.items() if name in reference}
    return ReferenceReport(
        token_ids_equal,
        actions,
        {name: _difference(read(run), reference[name]) for name, read in readers.items()},
    )


def run_on(segment: Segment, reference: Reference) -> Recording:
    """Run a step on pixels that are already normalised and keep every tensor.

    Raises:
        ConfigError: the pixels have another size than the model's images.
    """
    pixels = torch.from_numpy(reference["pixel_values"]).to(segment.device)
    shape = segment.chain.tensors["image"].bound({})
    if pixels.shape[-1] != shape[2]:
        raise ConfigError(
            f"the reference's pixels have a side of {pixels.shape[-1]}, the model's images of "
            f"{shape[2]}; it is another model's reference"
        )
    operations = dict(segment.operations)
    towers = [(i, op) for i, op in sorted(operations.items()) if isinstance(op, PatchEmbed)]
    for number, (index, embed) in enumerate(towers):
        operations[index] = _on_pixels(embed, pixels[:, 3 * number : 3 * number + 3])
    inputs = {
        "image": torch.zeros(shape, dtype=torch.uint8),
        "prompt_ids": torch.from_numpy(reference["input_ids"]).to(segment.device),
    }
    if "noise" in reference:
        inputs["sample"] = torch.from_numpy(reference["noise"]).to(segment.device)
    swapped = Segment(segment.chain, operations, device=segment.device, resident_bytes=0)
    recording = Recording(swapped)
    visit = plan_step(segment.chain, CloudSpan(0, 0)).visits[0]
    recording.segment.run(visit, StepState(inputs))
    return recording


def _on_pixels(embed: PatchEmbed, pixels: torch.Tensor) -> LayerOperation:
    def run(_context: LayerContext, *_image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (embed.embed(pixels),)

    return run


def _difference(got: torch.Tensor, expected: Array) -> float:
    """Return the largest difference; a NaN anywhere is one, and so is another shape."""
    values = got.detach().double().cpu().numpy()
    if values.size != expected.size:
        return float("inf")
    difference = np.abs(values - expected.reshape(values.shape)).max()
    return float("inf") if np.isnan(difference) else float(difference)


def _vision_features(run: _Run) -> torch.Tensor:
    """The towers' last used blocks side by side, without class and register tokens."""
    num_patches = run.recording.of("projected")[0].shape[1]
    names = [n for n in ("dino.hidden", "siglip.hidden") if n in run.segment.chain.tensors]
    return torch.cat([run.recording.of(n)[-1][0, -num_patches:] for n in names], dim=-1)


def _block_hidden_states(run: _Run) -> torch.Tensor:
    """The input of each decoder block, and the final norm's result."""
    names = [layer.name for layer in run.segment.chain.layers]
    ends = [n for n in names if n.startswith("llama.") and n.endswith(".mlp_down")]
    states = [
        run.recording.of("llama.hidden", layer=writer, phase="prefill")[0]
        for writer in ("embed", *ends[:-1])
    ]
    normed = run.recording.of("llama.normed", layer="norm", phase="prefill")
    return torch.cat([*states, *normed])


@torch.inference_mode()
def _noise_at_50(run: _Run) -> torch.Tensor:
    """One call of the action model on the noise, at the training's time step 50."""
    layers = [
        (layer, run.segment.operations[index])
        for index, layer in enumerate(run.segment.chain.layers)
        if layer.name.startswith("dit.")
    ]
    embed, final = layers[0][1], layers[-1][1]
    if not (isinstance(embed, DitEmbed) and isinstance(final, DitFinal)):
        raise ConfigError("the reference holds eps_t50, but this model has no such head")
    context = LayerContext("denoise", embed.timesteps.index(_EPS_TIMESTEP), {})
    tensors = {
        "features": run.recording.of("features")[-1],
        "sample": torch.from_numpy(run.reference["noise"]).to(run.segment.device),
    }
    for layer, operation in layers[:-1]:
        io = layer.io["denoise"]
        results = operation(context, *(tensors[name] for name in io.reads))
        tensors.update(zip(io.writes, results, strict=True))
    return final.noise(tensors["dit.hidden"])[:1]  # the conditioned sequence


def _normalised_actions(run: _Run) -> torch.Tensor:
    (last,) = (op for op in run.segment.operations.values() if isinstance(op, UnnormaliseActions))
    return torch.from_numpy(last.settled(run.recording.of("sample")[-1]))


# how each tensor that a reference may hold is found in a run
_READERS: Mapping[str, Callable[[_Run], torch.Tensor]] = {
    "vision_features": _vision_features,
    "projected": lambda run: run.recording.of("projected")[0],
    "block_hidden_states": _block_hidden_states,
    "last_logits": lambda run: run.recording.of("logits", phase="prefill")[0],
    "cognition_feature": lambda run: run.recording.of("features")[-1],
    "eps_t50": _noise_at_50,
    "normalized_actions": _normalised_actions,
}
