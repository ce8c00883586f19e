"""CZML for CesiumJS: places and footprints clamped to the ground, a flight that moves in time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.contracts.answering import Located
from georet.files import replacing
from georet.locate.output.formats.placed import Placed, as_utc, placed
from georet.types import Doubles

_ON_GROUND: Final = {"heightReference": "CLAMP_TO_GROUND"}
_GOLD, _BLUE, _GREY = [255, 215, 94, 255], [140, 196, 255, 255], [160, 160, 160, 160]


class Czml:
    """A document packet, then one for each photo; of a flight one that moves along its frames."""

    suffixes = (".czml",)

    def write(self, path: Path, located: Located) -> None:
        """Write the file."""
        with replacing(path) as stream:
            stream.write("[")
            for number, packet in enumerate(_packets(located)):
                stream.write(",\n" if number else "\n")
                stream.write(json.dumps(packet, allow_nan=False))
            stream.write("\n]\n")


def _packets(located: Located) -> Iterator[dict[str, Any]]:
    name = located.provenance.get("gallery", {}).get("name", "")
    yield {"id": "document", "version": "1.0", "name": f"Located in {name}"}
    for one in placed(located.records()):
        yield _packet(one)
    flight = _flight(located)
    if flight is not None:
        yield flight


def _packet(one: Placed) -> dict[str, Any]:
    lat, lon = (float(text) for text in one.texts)
    colour = _GREY if one.record.get("abstained") else _GOLD
    packet: dict[str, Any] = {
        "id": f"photo-{one.number}",
        "name": one.name,
        "properties": dict(one.facts()),
        "position": {"cartographicDegrees": [lon, lat, 0]},
        "point": {
            "pixelSize": 4 if one.is_frame else 9,
            "color": {"rgba": colour},
            "heightReference": _ON_GROUND,
        },
    }
    if not one.is_frame:
        packet["label"] = {
            "text": one.name,
            "font": "13px sans-serif",
            "pixelOffset": {"cartesian2": [0, -16]},
            "heightReference": _ON_GROUND,
        }
    around = one.around
    if around is not None:
        packet["polyline"] = {
            "positions": {"cartographicDegrees": _flat(np.vstack([around, around[:1]]))},
            "width": 2,
            "clampToGround": True,
            "material": {"solidColor": {"color": {"rgba": _BLUE}}},
        }
    if one.footprint is not None:
        packet["polygon"] = {
            "positions": {"cartographicDegrees": _flat(one.footprint)},
            "material": {"solidColor": {"color": {"rgba": [*_GOLD[:3], 60]}}},
        }
    return packet


def _flat(latlon: Doubles) -> list[float]:
    """Return longitude, latitude, height, longitude ... of places [N, 2]."""
    return [value for lat, lon in latlon.tolist() for value in (round(lon, 7), round(lat, 7), 0)]


def _flight(located: Located) -> dict[str, Any] | None:
    frames = (one for one in placed(located.records()) if one.is_frame)
    timed = [(one, _second(one)) for one in frames]
    known = [(one, second) for one, second in timed if second is not None]
    rising = [known[0]] if known else []
    for one, second in known[1:]:
        # A clock that stands still or goes back can't be played.
        if second > rising[-1][1]:
            rising.append((one, second))
    if len(rising) < 2:
        return None
    start = rising[0][1]
    samples: list[float] = []
    for one, second in rising:
        lat, lon = (float(text) for text in one.texts)
        samples += [round(second - start, 3), lon, lat, 0]
    first, last = as_utc(start), as_utc(rising[-1][1])
    return {
        "id": "flight",
        "name": "Flight",
        "availability": f"{first}/{last}",
        "position": {"epoch": first, "cartographicDegrees": samples},
        "point": {"pixelSize": 12, "color": {"rgba": _BLUE}, "heightReference": _ON_GROUND},
        "path": {"width": 3, "material": {"solidColor": {"color": {"rgba": _BLUE}}}},
    }


def _second(one: Placed) -> float | None:
    """Return a frame's second since 1970; of a flight without a date, since its own start."""
    for key in ("utc_s", "time_s"):
        if one.record.get(key) is not None:
            return float(one.record[key])
    return None
