# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""OpenVLA's trunk under a continuous head: OpenVLA-OFT, VOTE and the generic heads.

The head is told by `roboecc_head` in config.json (a record of planning.description with its
`kind`), or read from the shapes of an MLPResNet in `action_head--*.pt`: features of all
action slots for OFT, of one token for VOTE.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from roboecc_core.backends.actions import ActionStatistics, UnnormaliseActions
from roboecc_core.backends.checkpoint import CheckpointFolder, Source
from roboecc_core.backends.head_layers import KEY, build_head_layer
from roboecc_core.backends.observation import EMPTY_TOKEN, PromptEncoder, square_image
from roboecc_core.backends.openvla import RMS_NORM_EPS
from roboecc_core.backends.openvla_layers import EmbedSlots, StateToken
from roboecc_core.backends.trunk import OPENVLA_KEYS, Trunk, llama_config
from roboecc_core.backends.vision_towers import Built
from roboecc_core.data_plane.codec import torch_dtype
from roboecc_core.errors import CheckpointError, ConfigError
from roboecc_core.planning.assembly import assemble
from roboecc_core.planning.description import HEADS, Head, Mlp
from roboecc_core.planning.openvla import OpenVlaStructure
from roboecc_core.types import ACTION_DIM

ACT_TOKEN = 32001  # VOTE's <ACT>, which a second pass sees
_OFT_MARGIN = 1e-8  # OFT adds it to the range of its statistics


@dataclasses.dataclass(frozen=True, slots=True)
class HeadedShape:
    """What a continuous head changes in front of itself.

    Attributes:
        slots: empty positions behind the prompt whose last hidden states are the features.
        num_images: pictures a step takes.
        state_dim: numbers of the robot's state that go in; 0 = none.
    """

    head: Head
    slots: int = 0
    num_images: int = 1
    state_dim: int = 0

    @property
    def slot_tokens(self) -> int:
        """Positions beside images and prompt: slots, a stop token, the state."""
        return (self.slots + 1 if self.slots else 0) + (self.state_dim > 0)


class HeadedOpenVla:
    """OpenVLA's trunk with a head that gives numbers instead of tokens.

    Args:
        checkpoint: the folder.
        dtype: name of the trunk's dtype.
        unnorm_key: whose statistics scale state and actions.
        noise: where a denoiser's noise is drawn from; None = a generator seeded with 0.

    Raises:
        ConfigError: `unnorm_key` or the head's kind is unknown; lists the known ones.
        CheckpointError: config.json or the head's weights lack something.
    """

    def __init__(
        self,
        checkpoint: CheckpointFolder,
        *,
        dtype: str,
        unnorm_key: str = "",
        noise: torch.Generator | None = None,
    ) -> None:
        config = checkpoint.config
        self.checkpoint = checkpoint
        self.structure = OpenVlaStructure.from_config(config, name=checkpoint.folder.name)
        self.shape = headed_shape(checkpoint, self.structure.width)
        description = self.structure.description(dtype, self.shape.head)
        self.chain = assemble(
            dataclasses.replace(
                description,
                backbone=dataclasses.replace(description.backbone, is_causal=not self.shape.slots),
                slot_tokens=self.shape.slot_tokens,
                num_images=self.shape.num_images,
                proprio_dim=self.shape.state_dim,
            ),
            image_px=self.structure.image_size_px,
        )
        head, text = self.shape.head, llama_config(config, rms_norm_eps=RMS_NORM_EPS)
        rows = head.feature_rows if isinstance(head, Mlp) else 1
        # OFT takes the hidden state in front of each slot, as in predicting the next token
        self.trunk = Trunk(
            self.structure,
            text,
            OPENVLA_KEYS,
            feature_rows=rows,
            rows_behind=2 if self.shape.slots else 0,
        )
        self.statistics = ActionStatistics.from_config(config, unnorm_key)
        self._noise = noise or torch.Generator().manual_seed(0)
        taken = self.shape.num_images * self.structure.num_patches + self.shape.slot_tokens
        self._prompt = PromptEncoder(
            checkpoint.folder,
            max_tokens=text.max_position_embeddings - taken - 1,
            suffix=[int(config.get("empty_token_id", EMPTY_TOKEN))],
        )

    def build_layer(self, index: int) -> Built:
        """Return a layer's operation on the meta device and where its parameters lie."""
        layer, structure = self.chain.layers[index], self.structure
        if layer.name == "unnormalise":
            margin = _OFT_MARGIN if self.shape.slots else 0.0
            dim = self.shape.head.action_dim
            return UnnormaliseActions(self.statistics, action_dim=dim, margin=margin), {}
        if layer.name == "embed":
            act = int(self.checkpoint.config.get("act_token_id", ACT_TOKEN))
            with torch.device("meta"):
                table = EmbedSlots(
                    structure.vocab_size, structure.width, slots=self.shape.slots, act_token=act
                )
            key = f"{OPENVLA_KEYS.language}.embed_tokens.weight"
            return table, {"table.weight": Source(key)}
        if layer.name == "proprio":
            with torch.device("meta"):
                state = StateToken(self.shape.state_dim, structure.width)
            names = [name for name, _ in state.named_parameters()]
            return state, {name: Source(f"proprio_projector.{name}") for name in names}
        if layer.stage == "decoder":
            return build_head_layer(self.shape.head, self.chain, layer)
        return self.trunk.build_layer(layer)

    def observe(
        self,
        image: npt.NDArray[np.uint8],
        instruction: str,
        *,
        more_images: Sequence[npt.NDArray[np.uint8]] = (),
        state: Sequence[float] = (),
    ) -> dict[str, torch.Tensor]:
        """Turn what the robot sees, feels and is told into the chain's inputs.

        Args:
            image: RGB `(height, width, 3)`.
            instruction: what to do.
            more_images: of the further cameras, in the model's order.
            state: the robot's own, in the units of the statistics.

        Raises:
            ConfigError: an image or a number is missing, or the prompt is too long.
        """
        if len(more_images) + 1 != self.shape.num_images:
            raise ConfigError(
                f"got {len(more_images) + 1} images, the model takes {self.shape.num_images}"
            )
        size = self.structure.image_size_px
        inputs = {
            "image": torch.cat([square_image(each, size) for each in (image, *more_images)]),
            "prompt_ids": self._prompt.ids(instruction),
        }
        if self.shape.state_dim:
            inputs["proprio"] = self.statistics.normalised_state(state)
        missing = [name for name in self.chain.inputs if name not in inputs]
        return inputs | {name: self._beginning(name) for name in missing}

    def _beginning(self, name: str) -> torch.Tensor:
        """Return a denoiser's noise, or an LSTM's empty state or chunk."""
        spec = self.chain.tensors[name]
        shape, dtype = spec.bound({}), torch_dtype(spec.dtype)
        if name == "sample":
            return torch.randn(shape, generator=self._noise).to(dtype)
        return torch.zeros(shape, dtype=dtype)


def headed_shape(checkpoint: CheckpointFolder, width: int) -> HeadedShape:
    """Return the head that config.json describes, or that the head's weights imply.

    Raises:
        ConfigError: config.json describes a head that there is not.
        CheckpointError: the head's weights are none of MLPResNet.
    """
    described = checkpoint.config.get("roboecc_head")
    if described:
        return HeadedShape(_described(dict(described)))
    weight = checkpoint.tensor(Source(f"{KEY}.model.fc1.weight"))
    outputs = checkpoint.tensor(Source(f"{KEY}.model.fc2.weight")).shape[0]
    blocks = {
        key.split(".")[3]
        for key in checkpoint.keys()  # noqa: SIM118  a folder, not a dict
        if key.startswith(f"{KEY}.model.mlp_resnet_blocks.")
    }
    hidden, inputs = weight.shape
    if inputs == width:  # VOTE: one feature gives a whole chunk
        passes = int(checkpoint.config.get("num_action_tokens", 1))
        horizon = passes * outputs // ACTION_DIM
        return HeadedShape(Mlp(hidden, len(blocks), passes=passes, rows=passes, horizon=horizon))
    if inputs != outputs * width:
        raise CheckpointError(
            f"action head in {str(checkpoint.folder)!r} takes {inputs} numbers and gives "
            f"{outputs}; expected {width} (VOTE) or {outputs} x {width} (OpenVLA-OFT)"
        )
    return _oft_shape(checkpoint, hidden, len(blocks), outputs)


def _oft_shape(
    checkpoint: CheckpointFolder, hidden: int, blocks: int, action_dim: int
) -> HeadedShape:
    config = checkpoint.config
    horizon = int(config.get("num_actions_chunk", 8))
    has_state = any(key.startswith("proprio_projector.") for key in checkpoint.keys())  # noqa: SIM118
    state_key = Source("proprio_projector.fc1.weight")
    head = Mlp(
        hidden,
        blocks,
        feature_rows=horizon * action_dim,
        rows=horizon,
        action_dim=action_dim,
        horizon=horizon,
    )
    return HeadedShape(
        head,
        slots=horizon * action_dim,
        num_images=int(config.get("num_images_in_input", 2)),
        state_dim=checkpoint.tensor(state_key).shape[1] if has_state else 0,
    )


def _described(fields: dict[str, Any]) -> Head:
    kind = fields.pop("kind", "")
    known = ("mlp", "lstm", "diffusion")
    if kind not in known:
        raise ConfigError(f"roboecc_head has kind {kind!r}; expected one of {known}")
    try:
        return HEADS[kind](**fields)
    except TypeError as error:
        raise ConfigError(f"roboecc_head in config.json: {error}") from error
