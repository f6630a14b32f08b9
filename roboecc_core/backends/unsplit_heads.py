# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""OpenVLA's trunk with a continuous head, run whole: a yardstick like `unsplit`.

The trunk is transformers' own forward with its own cache and masks; the heads are written
once more, as plain functions of the checkpoint's tensors.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.nn import functional

from roboecc_core.backends.checkpoint import Source
from roboecc_core.backends.head_layers import KEY
from roboecc_core.backends.openvla_heads import ACT_TOKEN, HeadedOpenVla
from roboecc_core.backends.unsplit import Trace, UnsplitTrunk
from roboecc_core.backends.unsplit_cogact import noise_schedule, waves
from roboecc_core.data_plane.codec import torch_dtype
from roboecc_core.planning.description import Diffusion, Lstm, Mlp


class UnsplitHeadedOpenVla:
    """One pass (VOTE-2T: two) through the language model, then the head."""

    def __init__(self, model: HeadedOpenVla) -> None:
        self._trunk = UnsplitTrunk(model, has_head=False)
        self._shape = model.shape
        self._act = int(model.checkpoint.config.get("act_token_id", ACT_TOKEN))
        chain = model.chain
        last = chain.tensors["sample" if "sample" in chain.tensors else "normalised"]
        self._dtype = torch_dtype(chain.tensors["projected"].dtype)
        dtypes = {"proprio_projector": self._dtype, KEY: torch_dtype(last.dtype)}
        self._weights = {
            key: model.checkpoint.tensor(Source(key)).to(dtypes[key.partition(".")[0]])
            for key in model.checkpoint.keys()  # noqa: SIM118  a folder, not a dict
            if key.partition(".")[0] in dtypes
        }
        self._unnormalise, _ = model.build_layer(chain.index_of("unnormalise"))

    @torch.inference_mode()
    def run(self, inputs: Mapping[str, torch.Tensor]) -> Trace:
        """Return the features, what the head made of them and the actions."""
        features = self._features(inputs)
        head = self._shape.head
        if isinstance(head, Diffusion):
            samples = self._denoised(head, features, inputs["sample"])
            actions = self._unnormalise(None, samples[-1])
            return {"features": [features], "sample": samples, "actions": actions}
        if isinstance(head, Mlp):
            chunk = self._mlp(head, features)
        else:
            assert isinstance(head, Lstm)  # noqa: S101  the model refused all others
            chunk = self._unrolled(head, features, inputs)
        actions = self._unnormalise(None, chunk)
        return {"features": [features], "normalised": [chunk], "actions": actions}

    def _features(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        embeds = self._trunk.embeds(inputs)
        if self._shape.slots:
            return self._slot_features(embeds, inputs)
        language = self._trunk.language
        output = language(inputs_embeds=embeds, use_cache=True)
        rows = [output.last_hidden_state[:, -1:]]
        head = self._shape.head
        if isinstance(head, Mlp) and head.passes > 1:
            act = torch.tensor([[self._act]])
            output = language(
                input_ids=act, past_key_values=output.past_key_values, use_cache=True
            )
            rows.append(output.last_hidden_state)
        return torch.cat(rows, dim=1)

    def _slot_features(
        self, embeds: torch.Tensor, inputs: Mapping[str, torch.Tensor]
    ) -> torch.Tensor:
        """OpenVLA-OFT: the state behind the patches, empty slots and a stop token at the end."""
        num_prompt, slots = inputs["prompt_ids"].shape[1], self._shape.slots
        before = embeds[:, : embeds.shape[1] - num_prompt + 1]
        prompt = embeds[:, embeds.shape[1] - num_prompt + 1 :]
        stop = self._trunk.language.get_input_embeddings()(torch.tensor([[2]]))
        empty = torch.zeros(1, slots, embeds.shape[-1], dtype=embeds.dtype)
        parts = [before, prompt, empty, stop]
        if "proprio" in inputs:
            state = inputs["proprio"].to(self._dtype)
            inner = functional.gelu(self._linear(state, "proprio_projector.fc1"))
            parts.insert(1, self._linear(inner, "proprio_projector.fc2")[:, None])
        language = self._trunk.language
        language.config.is_causal = False
        for layer in language.layers:
            layer.self_attn.is_causal = False
        hidden: torch.Tensor = language(inputs_embeds=torch.cat(parts, dim=1)).last_hidden_state
        first = hidden.shape[1] - slots - 2  # one in front of the first slot
        return hidden[:, first : first + slots]

    def _mlp(self, head: Mlp, features: torch.Tensor) -> torch.Tensor:
        key = f"{KEY}.model"
        x = self._norm(features.reshape(head.rows, -1), f"{key}.layer_norm1")
        x = functional.relu(self._linear(x, f"{key}.fc1"))
        for number in range(head.blocks):
            block = f"{key}.mlp_resnet_blocks.{number}.ffn"
            x = functional.relu(self._linear(self._norm(x, f"{block}.0"), f"{block}.1")) + x
        return self._linear(self._norm(x, f"{key}.layer_norm2"), f"{key}.fc2")

    def _unrolled(
        self, head: Lstm, features: torch.Tensor, inputs: Mapping[str, torch.Tensor]
    ) -> torch.Tensor:
        states = [torch.split(inputs[f"lstm.{n}.state"], 1) for n in range(head.cells)]
        rows = []
        for _ in range(head.horizon):
            below = features[:, -1]
            for number, (h, c) in enumerate(states):
                key = f"{KEY}.cells.{number}"
                gates = self._linear(below, f"{key}.input") + self._linear(h, f"{key}.state")
                i, f, g, o = gates.chunk(4, dim=1)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()  # noqa: PLW2901  the new state
                states[number] = (below := o.sigmoid() * c.tanh(), c)
            rows.append(self._linear(below, f"{KEY}.fc"))
        return torch.cat(rows)

    def _denoised(
        self, head: Diffusion, features: torch.Tensor, sample: torch.Tensor
    ) -> list[torch.Tensor]:
        samples = []
        condition = self._linear(
            features[:, -1].to(self._weights[f"{KEY}.condition.weight"].dtype), f"{KEY}.condition"
        )
        for time, step in noise_schedule(head.iterations):
            x = self._linear(sample.flatten(1), f"{KEY}.sample") + condition
            x = x + self._linear(waves(time).to(x.dtype), f"{KEY}.time")
            for number in range(head.blocks):
                block = f"{KEY}.blocks.{number}"
                up = self._linear(self._norm(x, f"{block}.norm"), f"{block}.up")
                x = x + self._linear(functional.gelu(up), f"{block}.down")
            sample = step(sample, self._linear(x, f"{KEY}.out").view_as(sample))
            samples.append(sample)
        return samples

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.linear(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return functional.layer_norm(x, weight.shape, weight, bias)
