# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""How long a device takes for a layer (the paper's Eq. 2), and the known devices.

T = max(FLOP / (peak x share), bytes / (bandwidth x share)) + overhead, with shares and
overhead by regime. With shares of 1 and no overhead this is Eq. 2 as printed.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from roboecc_core.errors import ConfigError
from roboecc_core.planning.costs import REGIME_OF_PHASE, ChainCosts, FloatArray, summed_by
from roboecc_core.planning.records import RecordReader, closest

DEVICES_FILE = Path(__file__).with_name("devices.yaml")
_SUBSTITUTES = {"bfloat16": "float16", "float16": "bfloat16", "float64": "float32"}


@dataclasses.dataclass(frozen=True, slots=True)
class Efficiency:
    """What of a device's peak a kind of pass gets.

    Attributes:
        compute: share of peak FLOP/s. memory: share of memory bandwidth.
        overhead_us: of every layer run, launching included.
        source: where the three are from.
    """

    compute: float
    memory: float
    overhead_us: float = 0.0
    source: str = ""

    def __post_init__(self) -> None:
        if not (self.compute > 0.0 and self.memory > 0.0):
            raise ConfigError("efficiencies 'compute' and 'memory' must be above 0")


@dataclasses.dataclass(frozen=True, slots=True)
class Device:
    """A processor (docs/glossary.md maps the paper's P_i and Parallel_i to these fields).

    Attributes:
        frequency_mhz, cores: of its matrix units (the paper's frequency and Parallel_i).
        flop_per_core_cycle: by dtype, dense (P_i = this x frequency).
        memory_gb_s: memory bandwidth, 10^9 bytes/s.
        memory_gib: memory; 0 = not known.
        efficiency: by regime ("parallel", "decode", "iterative"); "phase/kind" overrides it for
            a kind of layer in a phase that was measured by itself.
        power_mode: of a device that has several.
    """

    name: str
    description: str
    source: str
    frequency_mhz: float
    cores: float
    flop_per_core_cycle: Mapping[str, float]
    memory_gb_s: float
    efficiency: Mapping[str, Efficiency]
    memory_gib: float = 0.0
    power_mode: str = ""

    def __post_init__(self) -> None:
        if missing := {"parallel", "decode", "iterative"} - set(self.efficiency):
            raise ConfigError(f"device {self.name!r} lacks efficiencies {sorted(missing)}")
        if not (self.frequency_mhz and self.cores and self.memory_gb_s):
            raise ConfigError(f"device {self.name!r}: frequency, cores, bandwidth must be above 0")

    def peak_flop_per_s(self, dtype: str) -> float:
        """Return P_i x Parallel_i; a dtype that it lacks runs as the nearest that it has.

        Raises:
            ConfigError: it has neither.
        """
        for name in (dtype, _SUBSTITUTES.get(dtype, ""), "float32"):
            if name in self.flop_per_core_cycle:
                return self.flop_per_core_cycle[name] * self.cores * self.frequency_mhz * 1e6
        raise ConfigError(f"device {self.name!r} has no peak for {dtype!r}")

    def efficiency_of(self, phase: str, kind: str) -> Efficiency:
        """Return the shares for a kind of layer in a phase."""
        regime = self.efficiency[REGIME_OF_PHASE[phase]]
        return self.efficiency.get(f"{phase}/{kind}", regime)


def run_seconds(costs: ChainCosts, device: Device) -> FloatArray:
    """Return Eq. 2's time of one run of every entry of `costs`."""
    seconds = np.empty(len(costs.flop))
    for (dtype, phase, kind), entries in costs.groups.items():
        share = device.efficiency_of(phase, kind)
        compute = costs.flop[entries] / (device.peak_flop_per_s(dtype) * share.compute)
        memory = costs.moved_bytes[entries] / (device.memory_gb_s * 1e9 * share.memory)
        seconds[entries] = np.maximum(compute, memory) + share.overhead_us * 1e-6
    return seconds


def step_seconds(costs: ChainCosts, device: Device) -> FloatArray:
    """Return each layer's time within a whole step, all its runs together, `(num_layers,)`."""
    seconds = run_seconds(costs, device) * costs.repeats
    return summed_by(costs.layer, seconds, len(costs.weight_bytes))


@functools.cache
def known_devices() -> dict[str, Device]:
    """Return the built-in devices by name, in the file's order."""
    return load_devices(DEVICES_FILE)


def load_devices(path: Path) -> dict[str, Device]:
    """Read a file of devices, `name: {fields}` each.

    Raises:
        ConfigError: the file cannot be read, or a field is unknown, missing or wrong.
    """
    reader = RecordReader(path, {})
    return {
        name: reader.record(Device, node, given={"name": name})
        for name, node in reader.entries(reader.root()).items()
    }


def device(name: str) -> Device:
    """Return a built-in device, or the one of a device file that `roboecc profile` wrote.

    Raises:
        ConfigError: the name is unknown, or the file does not hold exactly one device.
    """
    if name.endswith((".yaml", ".yml")):
        devices = load_devices(Path(name).expanduser())
        if len(devices) != 1:
            raise ConfigError(f"{name!r} holds devices {sorted(devices)}, expected one")
        return next(iter(devices.values()))
    devices = known_devices()
    if name not in devices:
        raise ConfigError(
            f"device {name!r} is unknown{closest(name, devices)}; known: {', '.join(devices)}, or "
            "a file written by 'roboecc profile'"
        )
    return devices[name]
