# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""YAML files as frozen dataclasses; every error names file, line and field."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from roboecc_core.errors import ConfigError

Record = TypeVar("Record")
_MAX_BYTES = 1 << 20  # a description is a page; more is another file by mistake


def closest(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` or nothing, for an error on an unknown name."""
    matches = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


@dataclasses.dataclass(frozen=True, slots=True)
class RecordReader:
    """Turns YAML nodes into dataclasses.

    Attributes:
        path: named in errors.
        kinds: for a field whose type is a union of records: the value of `kind` to the record.
    """

    path: Path
    kinds: Mapping[str, type]

    def load(self, record: type[Record]) -> Record:
        """Read the whole file as one record.

        Raises:
            ConfigError: the file cannot be read, or a field is unknown, missing or wrong.
        """
        return self.record(record, self.root())

    def root(self) -> yaml.Node:
        """Return the file's root node.

        Raises:
            ConfigError: the file cannot be read or is no YAML.
        """
        try:
            if self.path.stat().st_size > _MAX_BYTES:
                raise ConfigError(f"{str(self.path)!r} is over 1 MiB; expected a description")
            node = yaml.compose(self.path.read_text(encoding="utf-8"), yaml.SafeLoader)
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            one_line = " ".join(str(error).split())
            raise ConfigError(f"cannot read {str(self.path)!r}: {one_line}") from error
        if node is None:
            raise ConfigError(f"{str(self.path)!r} is empty")
        return node

    def record(
        self,
        record: type[Record],
        node: yaml.Node,
        *,
        skip: str = "",
        given: Mapping[str, Any] = types.MappingProxyType({}),
    ) -> Record:
        """Turn a mapping node into a record, without the entry `skip` and with what is given."""
        entries = self.entries(node)
        entries.pop(skip, None)
        types_of = typing.get_type_hints(record)
        fields = {f.name: f for f in dataclasses.fields(record)}  # type: ignore[arg-type]
        for name, value in entries.items():
            if name not in fields:
                raise self.error(
                    value, f"unknown field {name!r}{closest(name, fields)}; known: {list(fields)}"
                )
        missing = [
            name
            for name, f in fields.items()
            if name not in entries
            and name not in given
            and f.default is dataclasses.MISSING
            and f.default_factory is dataclasses.MISSING
        ]
        if missing:
            raise self.error(node, f"{record.__name__} lacks {missing}")
        values = {n: self.value(types_of[n], v, name=n) for n, v in entries.items()}
        try:
            return record(**given, **values)
        except ConfigError as error:
            raise self.error(node, str(error)) from error

    def entries(self, node: yaml.Node) -> dict[str, yaml.Node]:
        """Return a mapping node's entries by key."""
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, f"got {_shown(node)}, expected fields")
        return {str(key.value): value for key, value in node.value}

    def value(self, wanted: Any, node: yaml.Node, *, name: str) -> Any:
        """Turn a node into a value of the wanted type."""
        origin = typing.get_origin(wanted)
        if isinstance(wanted, types.UnionType) or origin is typing.Union:
            return self._of_kind(node)
        if dataclasses.is_dataclass(wanted):
            return self.record(typing.cast("type[Any]", wanted), node)
        if origin is tuple:
            if not isinstance(node, yaml.SequenceNode) or not node.value:
                raise self.error(node, f"{name!r} is {_shown(node)}, expected a list")
            (item, *_) = typing.get_args(wanted)
            return tuple(self.value(item, child, name=name) for child in node.value)
        if origin is not None and issubclass(origin, Mapping):
            (_, item) = typing.get_args(wanted)
            return {k: self.value(item, v, name=k) for k, v in self.entries(node).items()}
        return self._scalar(wanted, node, name)

    def _of_kind(self, node: yaml.Node) -> Any:
        entries = self.entries(node)
        kind = str(entries["kind"].value) if "kind" in entries else ""
        if kind not in self.kinds:
            raise self.error(
                node,
                f"kind is {kind!r}{closest(kind, self.kinds)}; expected one of "
                f"{sorted(self.kinds)}",
            )
        return self.record(self.kinds[kind], node, skip="kind")

    def _scalar(self, wanted: type, node: yaml.Node, name: str) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise self.error(node, f"{name!r} is {_shown(node)}, expected one value")
        got = yaml.safe_load(node.value) if node.style is None else node.value
        if wanted is str:
            return str(node.value)
        if wanted is bool and isinstance(got, bool):
            return got
        if wanted is int and isinstance(got, int) and not isinstance(got, bool) and got >= 0:
            return got
        if wanted is float and not isinstance(got, bool):
            return self._finite(got, node, name)
        raise self.error(node, f"{name!r} is {node.value!r}, expected {_EXPECTED[wanted]}")

    def _finite(self, got: object, node: yaml.Node, name: str) -> float:
        try:
            number = float(str(got))
        except ValueError:
            number = math.nan
        if math.isfinite(number) and number >= 0.0:
            return number
        raise self.error(node, f"{name!r} is {node.value!r}, expected {_EXPECTED[float]}")

    def error(self, node: yaml.Node, sentence: str) -> ConfigError:
        """Return the error of a node: where, and what is wrong."""
        return ConfigError(f"{self.path}:{node.start_mark.line + 1}: {sentence}")


_EXPECTED = {
    bool: "true or false",
    int: "a whole number, 0 or more",
    float: "a finite number, 0 or more",
}


def _shown(node: yaml.Node) -> str:
    kinds = {yaml.ScalarNode: "one value", yaml.SequenceNode: "a list"}
    return kinds.get(type(node), "a mapping")
