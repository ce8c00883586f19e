"""Telemetry in ULog files, as PX4 writes them: attitude, height, and the position when asked.

Topics and fields as in PX4's messages; quaternions (w, x, y, z) turn forward-right-down of body or
camera into north-east-down.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.errors import DataError
from georet.extras import need
from georet.types import Doubles

GIMBAL, VEHICLE, LOCAL, GLOBAL = (
    "gimbal_device_attitude_status",
    "vehicle_attitude",
    "vehicle_local_position",
    "vehicle_global_position",
)
TOPICS: Final = (GIMBAL, VEHICLE, LOCAL, GLOBAL)
_STEP_S: Final = 0.1
"""Rows are no closer than this."""
_LATE_S: Final = 1.0
"""A value older than this is not the row's."""
_YAW_LOCK: Final = 16
"""GIMBAL_DEVICE_FLAGS_YAW_LOCK: the yaw counts from north, not from the vehicle's nose."""
_STEEP: Final = 0.9998


def rows_of(path: Path) -> Iterator[tuple[str, float, dict[str, Any]]]:
    """Yield where, the second since the log's start, and values named as a table's columns.

    Heading, pitch and roll of the gimbal where one is logged, else the vehicle's heading alone;
    the height above ground by its distance sensor, else above the place of start. DataError for
    what is no ULog, and for one without these topics.
    """
    pyulog = need("pyulog", extra="ulog", what="telemetry in ULog files")
    try:
        log = pyulog.ULog(str(path), list(TOPICS))
        data = {one.name: one.data for one in reversed(log.data_list)}
        start = log.start_timestamp
    except Exception as error:  # pyulog lets errors of every kind through
        raise DataError(
            f"is no ULog that can be read: {error}", where=str(path), hint="Wanted: PX4's .ulg."
        ) from None
    told = {name: Topic(values, start) for name, values in data.items() if len(values["timestamp"])}
    if not told:
        raise DataError(
            "holds nothing of attitude, height or position",
            where=str(path),
            hint=f"Wanted one of the topics {', '.join(TOPICS)}.",
        )
    ends = [one.seconds for one in told.values()]
    first, last = min(one[0] for one in ends), max(one[-1] for one in ends)
    for second in np.arange(max(first, 0.0), last + 1e-9, _STEP_S):
        values = _values(told, float(second))
        if values:
            yield f"{path}:{second:.1f} s", float(second), values


class Topic:
    """The values of one topic by their seconds float64[N] since the log's start."""

    def __init__(self, values: Mapping[str, Any], start: int) -> None:
        stamps = np.asarray(values["timestamp"], np.float64)
        order = np.argsort(stamps, kind="stable")
        self.seconds: Doubles = (stamps[order] - start) / 1e6
        self._values = {name: np.asarray(column)[order] for name, column in values.items()}

    def at(self, second: float, name: str) -> float | None:
        """Return a field's last value at a second; None where it is old, unknown or no number."""
        row = int(np.searchsorted(self.seconds, second + 1e-6, side="right")) - 1
        if row < 0 or second - self.seconds[row] > _LATE_S or name not in self._values:
            return None
        value = float(self._values[name][row])
        return value if math.isfinite(value) else None

    def rotation(self, second: float) -> Doubles | None:
        """Return the rotation [3, 3] of the quaternion at a second."""
        parts = [self.at(second, f"q[{at}]") for at in range(4)]
        known = [part for part in parts if part is not None]
        norm = math.hypot(*known) if len(known) == 4 else 0.0
        if norm < 1e-6:
            return None
        w, x, y, z = (part / norm for part in known)
        return np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
            ]
        )


def _values(told: Mapping[str, Topic], second: float) -> dict[str, Any]:
    found: dict[str, Any] = {}
    body = told[VEHICLE].rotation(second) if VEHICLE in told else None
    heading = None if body is None else euler_deg(body)[0]
    if GIMBAL in told:
        camera = told[GIMBAL].rotation(second)
        if camera is not None:
            yaw, pitch, roll = euler_deg(camera)
            flags = int(told[GIMBAL].at(second, "device_flags") or 0)
            if flags & _YAW_LOCK:
                heading = yaw
            elif heading is not None:
                heading = heading + yaw
            found |= {"pitch_deg": pitch, "roll_deg": roll}
            found["source"] = "ULog gimbal"
    if heading is not None:
        found["heading_deg"] = heading % 360
        if "source" not in found:
            found |= {"source": "ULog vehicle, not the camera's", "heading_sigma_deg": 15.0}
    if LOCAL in told:
        height = _height_m(told[LOCAL], second)
        found |= {} if height is None else {"height_m": height}
    if GLOBAL in told:
        place = {key: told[GLOBAL].at(second, key) for key in ("lat", "lon", "alt")}
        if place["lat"] is not None and place["lon"] is not None:
            found |= {"lat": place["lat"], "lon": place["lon"]}
            found |= {} if place["alt"] is None else {"altitude_m": place["alt"]}
    return found


def _height_m(local: Topic, second: float) -> float | None:
    """Return the height above ground: by the distance sensor, else above the place of start."""
    if local.at(second, "dist_bottom_valid"):
        return local.at(second, "dist_bottom")
    down = local.at(second, "z")
    return None if down is None or down >= 0 else -down


def euler_deg(rotation: Doubles) -> tuple[float, float, float]:
    """Return yaw, pitch and roll in degrees; straight down or up the roll counts as yaw."""
    forward, right, down = rotation.T
    pitch = -math.degrees(math.asin(max(-1.0, min(1.0, float(forward[2])))))
    if abs(forward[2]) > _STEEP:
        up = -down if forward[2] > 0 else down
        return math.degrees(math.atan2(up[1], up[0])), pitch, 0.0
    yaw = math.degrees(math.atan2(forward[1], forward[0]))
    return yaw, pitch, math.degrees(math.atan2(right[2], down[2]))
