# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The outlet `can`: a real PIPER, or the fake one, on a CAN bus.

Commands go out only between a soft start and the first sign of trouble. A soft start makes the
arm's present joints its target, so nothing that was commanded before an interruption acts
after it, and a first command that is not near those joints is refused.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable

from roboecc_core.arm.arm_controller import JointCommand
from roboecc_core.arm.command_guard import CommandGuard
from roboecc_core.arm.link_watch import Freshness, LinkTrouble
from roboecc_core.arm.outlet import ArmState, Feedback, Health
from roboecc_core.arm.patience import Patience
from roboecc_core.arm.piper_bus import PiperBus
from roboecc_core.arm.piper_can_config import PiperCanConfig
from roboecc_core.arm.piper_status import Report, errors_of, names_of_disabled, state_of
from roboecc_core.errors import ArmError

_LOG = logging.getLogger(__name__)

_SETTLED_AFTER_S = 0.25  # ten of the slowest frames, and two of piper_sdk's rate windows
_SLOW_FRAMES_S = 0.06  # two of the slowest frames, at the least: whether a drive has power
_ANSWER_S = 1.0  # to a question, and until feedback flows that flowed before
_LINK_STATES = frozenset({ArmState.LOST, ArmState.SILENT})
_BLIND_STATES = _LINK_STATES | {ArmState.CLOSED}


class PiperCan:
    """An `Outlet` over `PiperBus`; what its methods raise is said there.

    Args:
        config: what the user set.
        clock: steady seconds.
        sleep: waits, in s.
        bus: by default the one of `config`.
    """

    def __init__(
        self,
        config: PiperCanConfig,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        bus: PiperBus | None = None,
    ) -> None:
        self._config, self._clock, self._sleep = config, clock, sleep
        self._until = Patience(clock, sleep).until
        self._bus = bus or PiperBus(config.channel, config.bustype, sleep=sleep)
        self._lock = threading.RLock()  # the fields below; never held while waiting
        self._freshness = Freshness(
            silent_after_s=config.silent_after_s, settled_after_s=_SETTLED_AFTER_S
        )
        self._guard = CommandGuard()
        self._is_connected = self._has_lost_bus = False
        self._num_reopened = self._num_disarms = 0
        self._trouble = LinkTrouble(config.reopen_after_s)

    def send(self, command: JointCommand) -> str:
        """Pass a command on; return "" when it went out, else why it was refused."""
        with self._lock:
            report, state, text = self._look()
            reason = text
            if state is ArmState.ENABLED:
                reason = self._guard.objection(command, report.joints_rad)
            if not reason and not self._aim(command.joints, command.gripper_m, report):
                self._lose_bus()
                reason = "the bus did not take the command"
            if reason:
                self._guard.num_refused += 1
            else:
                self._guard.passed(command)
            return reason

    def feedback(self) -> Feedback | None:
        """Return the newest measurement; None when there is none that can be believed."""
        with self._lock:
            report, state, _ = self._look()
            return None if state in _BLIND_STATES else self._measured(report)

    def health(self) -> Health:
        """Return how things are."""
        with self._lock:
            report, state, text = self._look()
            return Health(
                state=state,
                text=text,
                errors=() if state in _BLIND_STATES else errors_of(report),
                firmware=report.firmware,
                feedback_age_s=self._freshness.age_s(self._clock()),
                soft_starts=self._guard.soft_starts,
                num_sent=self._guard.num_sent,
                num_refused=self._guard.num_refused,
                num_reopened=self._num_reopened,
            )

    def connect(self) -> None:
        """Open the bus and wait for feedback; commands nothing.

        Raises:
            ArmError: it cannot be opened, or the arm stays silent. Nothing is left open.
        """
        self._bus.open()
        self._is_connected, self._has_lost_bus = True, False
        if not self._until(self._is_settled, self._config.connect_deadline_s):
            self.close()
            raise ArmError(
                f"no feedback from the arm on {self._config.channel} in "
                f"{self._config.connect_deadline_s:g} s; is it powered, its cable plugged in "
                "and the bit rate 1 Mbit/s?"
            )
        self._until(lambda: self._bus.report().firmware != "", _ANSWER_S, self._bus.ask_firmware)
        _LOG.info("arm on %s, firmware %s", self._config.channel, self._bus.report().firmware)

    def enable(self) -> Feedback:
        """Give power to the drives, hold the arm where it is, and return where that is.

        Raises:
            ArmError: the arm does not allow it or does not do it in time. Drives that were
                off before are off again.
        """
        num_disarms = self._num_disarms
        self._until(self._is_settled, _ANSWER_S)
        before, state, text = self._look()
        if state not in {ArmState.ENABLED, ArmState.DISABLED}:
            raise ArmError(f"the arm cannot be enabled: {text}")

        def ask() -> None:
            self._check_not_disarmed(num_disarms)
            report = self._bus.report()
            self._aim(report.joints_rad, None, report)  # where it is, however it sank
            if not report.is_driven:
                self._bus.enable_drives()

        def is_driven() -> bool:
            if self._look()[1] is not ArmState.ENABLED:
                return False
            self._sleep(_SLOW_FRAMES_S)  # what was seen may be of before a resume
            return self._look()[1] is ArmState.ENABLED

        if not self._until(is_driven, self._config.enable_deadline_s, ask):
            if not any(before.is_enabled):
                self._bus.disable_drives()
            off = names_of_disabled(self._bus.report()) or self._look()[2]
            raise ArmError(
                f"not enabled in {self._config.enable_deadline_s:g} s: {off}; is the emergency "
                "button released and the supply on?"
            )
        with self._lock:
            self._check_not_disarmed(num_disarms)
            return self._soft_start()

    def recover(self) -> None:
        """Mend what can be mended without a person; to be called a few times a second."""
        with self._lock:
            _, state, _ = self._look()
            can_go_on = self._guard.may_rearm and not self._guard.is_armed
            if state is ArmState.ENABLED and can_go_on and self._is_settled():
                with contextlib.suppress(ArmError):  # the bus is lost: it will be opened anew
                    self._soft_start()
            is_to_probe = state is ArmState.SILENT and self._trouble.is_probe_due()
            is_due = self._trouble.is_reopening_due(self._clock())
        if is_due:
            self._reopen()
        elif is_to_probe and self._bus.is_off():
            self._lose_bus()

    def emergency_stop(self) -> None:
        """Stop the arm now, whatever else is going on."""
        self._disarm()
        self._bus.stop()
        _LOG.error("emergency stop sent")
        if not self._until(self._is_stopped, self._config.stop_deadline_s):
            raise ArmError("the arm did not confirm the stop; use the button on its base")

    def resume(self) -> None:
        """End an emergency stop or fault; the arm loses power and sinks: somebody holds it.

        Raises:
            ArmError: the arm did not confirm it in time.
        """
        self._disarm()
        self._bus.resume()
        if not self._until(self._is_resumed, self._config.stop_deadline_s):
            raise ArmError(f"the arm did not resume: {self._look()[2]}")

    def disable(self) -> None:
        """Take the power from the drives: an arm that is not at rest sinks."""
        self._disarm()
        if not self._until(self._is_off, self._config.enable_deadline_s, self._bus.disable_drives):
            raise ArmError("the drives did not switch off in time; use the button on the base")

    def close(self) -> None:
        """Close the bus; the drives keep what they have, and the arm holds its position."""
        self._disarm()
        self._is_connected = False
        self._bus.close()

    def _look(self) -> tuple[Report, ArmState, str]:
        """Return the newest report and its meaning; anything wrong ends sending at once."""
        with self._lock:
            report, now_s = self._bus.report(), self._clock()
            self._freshness.observe(report.joints_stamp, now_s)
            state, text = self._state(report, now_s)
            if state is not ArmState.ENABLED:
                # In any other state a person has had a hand in it: a person starts it again.
                self._guard.interrupt(is_link=state in _LINK_STATES)
            self._trouble.note(is_well=state not in _LINK_STATES, now_s=now_s)
            return report, state, text

    def _state(self, report: Report, now_s: float) -> tuple[ArmState, str]:
        if not self._is_connected:
            return ArmState.CLOSED, "not connected"
        if self._has_lost_bus or not self._bus.is_open:
            return ArmState.LOST, f"{self._config.channel} is off the bus or gone; reopening"
        if self._freshness.is_silent(now_s):
            return ArmState.SILENT, "no feedback; is the arm powered and its cable plugged in?"
        return state_of(report)

    def _measured(self, report: Report) -> Feedback:
        age_s = self._freshness.age_s(self._clock())
        return Feedback(report.joints_rad, report.speeds_rad_per_s, report.gripper_m, age_s)

    def _is_off(self) -> bool:
        report, state, _ = self._look()
        return state not in _BLIND_STATES and not any(report.is_enabled)

    def _is_stopped(self) -> bool:
        return self._look()[1] is ArmState.STOPPED

    def _is_resumed(self) -> bool:
        return self._look()[1] is ArmState.DISABLED and self._is_off()

    def _is_settled(self) -> bool:
        report, _, _ = self._look()
        return self._freshness.is_settled(self._clock()) and report.joints_hz > 0

    def _aim(self, joints: tuple[float, ...], gripper_m: float | None, report: Report) -> bool:
        has_gripper = gripper_m is not None and report.has_gripper
        return self._bus.aim(
            joints,
            speed_percent=self._config.speed_percent,
            gripper=(gripper_m or 0.0, self._config.gripper_torque_nm) if has_gripper else None,
            clears_gripper=report.has_gripper_error,
        )

    def _soft_start(self) -> Feedback:
        """Make the present joints and opening the target, and let commands through."""
        with self._lock:
            report = self._bus.report()
            if not self._aim(report.joints_rad, report.gripper_m, report):
                self._lose_bus()
                raise ArmError(f"{self._config.channel} did not take the soft start")
            self._guard.start_softly()
            self._trouble.mended()
            _LOG.info("soft start %d", self._guard.soft_starts)
            return self._measured(report)

    def _reopen(self) -> None:
        self._bus.close()
        try:
            self._bus.open()
        except ArmError as error:
            _LOG.warning("%s", error)
        else:
            self._num_reopened += 1
            self._has_lost_bus = False
        self._trouble.reopened(self._clock())

    def _disarm(self) -> None:
        with self._lock:
            self._num_disarms += 1
            self._guard.interrupt(is_link=False)

    def _check_not_disarmed(self, num_disarms: int) -> None:
        if self._num_disarms != num_disarms:
            raise ArmError("enabling ended: the arm was stopped, disabled or closed meanwhile")

    def _lose_bus(self) -> None:
        self._has_lost_bus = True
        self._guard.interrupt(is_link=True)
        _LOG.warning("%s is off the bus or gone", self._config.channel)
