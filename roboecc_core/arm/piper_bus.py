# Copyright 2026 the RoboECC developers
# SPDX-License-Identifier: Apache-2.0
"""The official, unmodified piper_sdk behind a door that its traps do not pass.

Every trap of `shared/reference/piper.md` section 2 and those found in its source since are
handled here and nowhere else: getters hand out live objects, numbers must be Python int, a bus
that did not open raises nothing, a failed transmission shows only in a return value of a lower
layer, and a reader whose bus died spins.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import can
import serial
from piper_sdk import C_PiperInterface_V2, LogLevel

from roboecc_core.arm.can_frames import MICROMETRES_PER_M, MILLIDEGREES_PER_RAD, MODE
from roboecc_core.arm.piper_codes import ArmStatus, ControlMode
from roboecc_core.arm.piper_status import Report
from roboecc_core.errors import ArmError

_BITRATE = 1_000_000
_MOVE_J = 1
_ALL_MOTORS = 7
_STOP, _RESUME = 1, 2  # 0x150 byte 0
_STOP_FRAMES = 3  # one may be lost on a disturbed bus
_GRIPPER_ON, _GRIPPER_ON_CLEARING = 1, 3  # 0x159; 0 and 2 switch it off
_JOINTS = range(1, 7)
_ADAPTER_PAUSE = "CAN_CONFIG"  # read by python-can at every opening
# After DisconnectPort the SDK's reader may still wait in its recv(1); a ConnectPort before it
# ended leaves the new connection without a reader.
_READER_ENDS_S = {"slcan": 0.05}
_SLOWEST_READER_ENDS_S = 1.05

_SLCAN_FLAGS = re.compile(rb"F([0-9A-F]{2})\r")
_SLCAN_BUS_ERROR = 0x80
_FLAG_TRIES, _FLAG_BYTES = 50, 16  # a read waits 1 ms
serial.protocol_handler_packages.append("roboecc_core.arm")  # quicksocket://
_Code = TypeVar("_Code", ControlMode, ArmStatus)


class PiperBus:
    """One connection to one arm. Thread-safe; commands of several frames are never mixed.

    Args:
        channel: can0, /dev/ttyACM0, or socket://HOST:PORT.
        bustype: socketcan or slcan.
        sleep: waits for so many seconds.
    """

    def __init__(
        self, channel: str, bustype: str, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._channel, self._bustype, self._sleep = channel, bustype, sleep
        self._lock = threading.RLock()
        self._is_open = False
        # One object per channel for the life of the process (the SDK sees to that); its own
        # log would print every failed frame to stderr.
        self._sdk = C_PiperInterface_V2(
            channel, judge_flag=False, can_auto_init=False, logger_level=LogLevel.SILENT
        )

    @property
    def is_open(self) -> bool:
        """True between `open` and `close`."""
        return self._is_open

    def open(self) -> None:
        """Open the adapter and start to listen.

        Raises:
            ArmError: the adapter cannot be opened.
        """
        with self._lock, _quiet_opening(self._channel):
            try:
                self._sdk.CreateCanBus(
                    self._channel.replace("socket://", "quicksocket://"),
                    self._bustype,
                    expected_bitrate=_BITRATE,
                    judge_flag=False,
                )
            except ConnectionError as error:
                raise self._refused(error.__cause__ or error.__context__ or error) from None
            if self._sdk.GetCanBus().send_bus is None:  # python-can failed, the SDK said nothing
                raise self._refused("the CAN interface did not open")
            self._sdk.ConnectPort()
            self._is_open = True

    def close(self) -> None:
        """Close the adapter; the arm keeps what it has."""
        with self._lock:
            if not self._is_open:
                return
            self._is_open = False
            self._sdk.DisconnectPort()
        self._sleep(_READER_ENDS_S.get(self._bustype, _SLOWEST_READER_ENDS_S))

    def is_off(self) -> bool:
        """Return whether the CAN controller says that it has left the bus; waits 50 ms at most.

        An slcan adapter is asked for its status flags on the connection that nobody reads.
        """
        with self._lock:
            bus = self._sdk.GetCanBus().send_bus if self._is_open else None
            if bus is None or bus.state is not can.BusState.ACTIVE:
                return self._is_open
            if self._bustype != "slcan":
                return False
            try:
                flags = _slcan_flags(bus.serialPortOrig)
            except OSError:  # pyserial's errors, and those of a connection that is gone
                return True
        return bool(flags & _SLCAN_BUS_ERROR)

    def report(self) -> Report:
        """Return a copy of all that was received so far."""
        sdk = self._sdk
        joints, gripper, status = (
            sdk.GetArmJointMsgs(),
            sdk.GetArmGripperMsgs(),
            sdk.GetArmStatus().arm_status,
        )
        fast, slow = sdk.GetArmHighSpdInfoMsgs(), sdk.GetArmLowSpdInfoMsgs()
        firmware = sdk.GetPiperFirmwareVersion()  # a negative number while unknown
        return Report(
            joints=tuple(int(getattr(joints.joint_state, f"joint_{n}")) for n in _JOINTS),
            joints_stamp=float(joints.time_stamp),
            joints_hz=float(joints.Hz),
            speeds=tuple(int(getattr(fast, f"motor_{n}").motor_speed) for n in _JOINTS),
            opening=int(gripper.gripper_state.grippers_angle),
            gripper_stamp=float(gripper.time_stamp),
            gripper_flags=int(gripper.gripper_state.status_code),
            driver_flags=tuple(int(getattr(slow, f"motor_{n}").foc_status_code) for n in _JOINTS),
            mode=_known(ControlMode, status.ctrl_mode),
            status=_known(ArmStatus, status.arm_status),
            error_code=int(status.err_code),
            firmware=firmware if isinstance(firmware, str) else "",
        )

    def aim(
        self,
        joints_rad: Sequence[float],
        *,
        speed_percent: int,
        gripper: tuple[float, float] | None,
        clears_gripper: bool = False,
    ) -> bool:
        """Send joint targets, and the gripper's opening in m and its torque in N m.

        Returns:
            False when the bus did not take the first frame; then no target was sent.
        """
        with self._lock:
            if not self._sent(MODE, [ControlMode.CAN, _MOVE_J, speed_percent, 0, 0, 0, 0, 0]):
                return False
            self._sdk.JointCtrl(*(round(float(q) * MILLIDEGREES_PER_RAD) for q in joints_rad))
            if gripper is not None:
                opening_m, torque_nm = gripper
                code = _GRIPPER_ON_CLEARING if clears_gripper else _GRIPPER_ON
                micrometres = round(float(opening_m) * MICROMETRES_PER_M)
                self._sdk.GripperCtrl(micrometres, round(float(torque_nm) * 1000), code, 0)
            return True

    def enable_drives(self) -> None:
        """Ask for power on all motors; may need to be asked twice."""
        with self._lock:
            self._opened().EnableArm(_ALL_MOTORS)

    def disable_drives(self) -> None:
        """Ask to take the power from all motors."""
        with self._lock:
            self._opened().DisableArm(_ALL_MOTORS)

    def stop(self) -> None:
        """Send the emergency stop."""
        with self._lock:
            for _ in range(_STOP_FRAMES):
                self._opened().EmergencyStop(_STOP)

    def resume(self) -> None:
        """End stop and errors; the arm loses power."""
        with self._lock:
            self._opened().EmergencyStop(_RESUME)

    def ask_firmware(self) -> None:
        """Ask for the firmware's version."""
        with self._lock:
            self._opened().SearchPiperFirmwareVersion()

    def _opened(self) -> C_PiperInterface_V2:
        if not self._is_open:
            raise ArmError(f"{self._channel} is not open: the arm cannot be commanded; connect")
        return self._sdk

    def _sent(self, can_id: int, data: list[int]) -> bool:
        """Send one frame by the layer that tells whether it went out."""
        if not self._is_open:
            return False
        bus = self._sdk.GetCanBus()
        return bool(bus.SendCanMessage(can_id, data) is bus.CAN_STATUS.SEND_MESSAGE_SUCCESS)

    def _refused(self, reason: object) -> ArmError:
        hint = (
            "check 'ip link show', then 'sudo ip link set "
            f"{self._channel} up type can bitrate {_BITRATE} restart-ms 100'"
            if self._bustype == "socketcan"
            else "is the adapter plugged in, or 'roboecc fake-piper' running?"
        )
        return ArmError(f"cannot open {self._bustype} {self._channel!r}: {reason}; {hint}")


def _known(kind: type[_Code], value: int) -> _Code:
    try:
        return kind(int(value))
    except ValueError:
        return kind.UNKNOWN


def _slcan_flags(port: serial.SerialBase) -> int:
    """Ask for LAWICEL's status flags; 0 when the adapter does not know the question."""
    port.reset_input_buffer()
    port.write(b"F\r")
    answer = b""
    for _ in range(_FLAG_TRIES):
        answer += port.read(_FLAG_BYTES)
        found = _SLCAN_FLAGS.search(answer)
        if found:
            return int(found[1], 16)
    return 0


@contextlib.contextmanager
def _quiet_opening(channel: str) -> Iterator[None]:
    """Hide piper_sdk's deprecated argument; spare TCP the 2 s that an Arduino needs to boot."""
    is_pausing = channel.startswith("socket://") and _ADAPTER_PAUSE not in os.environ
    if is_pausing:
        os.environ[_ADAPTER_PAUSE] = json.dumps({"sleep_after_open": "0.02"})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        if is_pausing:
            del os.environ[_ADAPTER_PAUSE]
