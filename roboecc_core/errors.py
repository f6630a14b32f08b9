# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""Every error that RoboECC raises on purpose, as one tree.

RoboEccError
├── ConfigError            a value that a user typed cannot be used
│   └── CheckpointError    a model's files are missing, damaged or not what they claim
├── PlanError              no deployment satisfies the budgets
├── SpanNotResidentError   a host was asked to run layers that it does not hold
├── ArmError               the arm, or the bus to it, does not do what was asked
├── ProtocolError          bytes from the network are not what they must be
└── TransportError         the other side could not be reached or did not answer
    ├── StepTimeoutError   a deadline inside a step passed
    └── PeerError          the other side answered with an ERROR or BUSY frame

A message says what happened, what was got, what was expected, and the way out.
"""

from __future__ import annotations


class RoboEccError(Exception):
    """Base of the tree; catch it where any of these can be acted on."""


class ConfigError(RoboEccError):
    """A value that a user typed cannot be used."""


class CheckpointError(ConfigError):
    """A model's files are missing, damaged or not what they claim to be."""


class PlanError(RoboEccError):
    """No deployment satisfies the budgets."""


class SpanNotResidentError(RoboEccError):
    """A host was asked to run layers that it does not hold."""


class ArmError(RoboEccError):
    """The arm, or the bus to it, does not do what was asked."""


class ProtocolError(RoboEccError):
    """Bytes from the network are not what they must be."""


class TransportError(RoboEccError):
    """The other side could not be reached or did not answer."""


class StepTimeoutError(TransportError):
    """A deadline inside a step passed before the answer came."""


class PeerError(TransportError):
    """The other side answered that it will not serve this request.

    `code` is one of `roboecc_core.data_plane.frame.ErrorCode`'s names, so that the
    caller can tell an overload from a refusal without parsing the sentence.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
