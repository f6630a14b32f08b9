# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""CogACT's structure from its config.json: OpenVLA's trunk and a diffusion transformer.

Facts: CogACT@b174a1b. The prompt ends with two tokens, the last one's hidden state is the
"cognition" that conditions the action model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from roboecc_core.errors import CheckpointError
from roboecc_core.planning.assembly import assemble
from roboecc_core.planning.chain import LayerChain
from roboecc_core.planning.description import Dit
from roboecc_core.planning.openvla import OpenVlaStructure, TowerLayout
from roboecc_core.types import ACTION_DIM

COGACT_TOWERS = TowerLayout(
    "CogACT",
    {
        "dino": "vision_backbone.dino_featurizer",
        "siglip": "vision_backbone.siglip_featurizer",
    },
    "gamma",
)
# depth, hidden size and heads by the names that CogACT's own loader takes
DIT_SIZES: Mapping[str, Mapping[str, int]] = {
    "DiT-S": {"depth": 6, "hidden_size": 384, "num_heads": 4},
    "DiT-B": {"depth": 12, "hidden_size": 768, "num_heads": 12},
    "DiT-L": {"depth": 24, "hidden_size": 1024, "num_heads": 16},
}
_MLP_RATIO = 4
DDIM_STEPS = 10
GUIDANCE_SCALE = 1.5


@dataclasses.dataclass(frozen=True, slots=True)
class CogActStructure:
    """The sizes that shape a CogACT chain.

    Attributes:
        trunk: vision towers, projector and language model.
        head: the action model.
    """

    trunk: OpenVlaStructure
    head: Dit

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        *,
        name: str,
        ddim_steps: int = DDIM_STEPS,
        guidance_scale: float = GUIDANCE_SCALE,
    ) -> CogActStructure:
        """Read the sizes from a config.json.

        `action_model_args` (depth, hidden_size, num_heads) overrides `action_model_type`
        ("DiT-S", "DiT-B" or "DiT-L"). A guidance scale of 1 or less needs no second
        sequence beside the conditioned one.

        Raises:
            CheckpointError: a field is missing or of the wrong kind.
        """
        whole = {"image_sizes": [224, 224], "text_config": {}, **config}
        trunk = OpenVlaStructure.from_config(whole, name=name, layout=COGACT_TOWERS)
        kind = str(config.get("action_model_type", "DiT-B"))
        sizes = config.get("action_model_args") or DIT_SIZES.get(kind)
        if sizes is None:
            raise CheckpointError(
                f"config.json of {name!r} has action_model_type {kind!r}; expected one of "
                f"{sorted(DIT_SIZES)}, or action_model_args with depth, hidden_size, num_heads"
            )
        try:
            width = int(sizes["hidden_size"])
            past = int(config.get("past_action_window_size", 0))
            head = Dit(
                width=width,
                depth=int(sizes["depth"]),
                num_heads=int(sizes["num_heads"]),
                mlp_width=_MLP_RATIO * width,
                iterations=ddim_steps,
                guidance_batch=2 if guidance_scale > 1.0 else 1,
                action_dim=int(config.get("action_dim", ACTION_DIM)),
                horizon=past + 1 + int(config.get("future_action_window_size", 15)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"config.json of {name!r} is no CogACT's: {error!r}") from error
        return cls(trunk, head)

    def chain(self, dtype: str) -> LayerChain:
        """Return the layer chain; the trunk has this dtype, the action model its own."""
        description = dataclasses.replace(
            self.trunk.description(dtype, self.head),
            description="a CogACT checkpoint",
            prompt_tokens=self.trunk.description(dtype).prompt_tokens + 1,
        )
        return assemble(description, image_px=self.trunk.image_size_px)
