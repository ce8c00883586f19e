"""GPX 1.1: photos as waypoints, a flight's frames as a track."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from georet.contracts.answering import Located
from georet.files import replacing
from georet.locate.output.formats.placed import Placed, placed, printable

_OWN: Final = "urn:georet:gpx:1"
_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<gpx xmlns="http://www.topografix.com/GPX/1/1" version="1.1" creator="georet"\n'
    '     xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"\n'
    '     xsi:schemaLocation="http://www.topografix.com/GPX/1/1 '
    'http://www.topografix.com/GPX/1/1/gpx.xsd"\n'
    f'     xmlns:georet="{_OWN}">\n'
)


class Gpx:
    """GPX 1.1: a waypoint a photo, or one track of a flight's frames.

    What GPX has no place for (accuracy, heading, source) stands in extensions.
    """

    suffixes = (".gpx",)

    def write(self, path: Path, located: Located) -> None:
        """Write the file."""
        name = escape(printable(str(located.provenance.get("gallery", {}).get("name", ""))))
        with replacing(path) as stream:
            stream.write(f"{_HEAD}  <metadata><name>Located in {name}</name></metadata>\n")
            for one in placed(located.records()):
                if not one.is_frame:
                    stream.write(_point("wpt", one, "  "))
            frames = (one for one in placed(located.records()) if one.is_frame)
            first = next(frames, None)
            if first is not None:
                stream.write(f"  <trk>\n    <name>Flight over {name}</name>\n    <trkseg>\n")
                for one in chain([first], frames):
                    stream.write(_point("trkpt", one, "      "))
                stream.write("    </trkseg>\n  </trk>\n")
            stream.write("</gpx>\n")


def _point(kind: str, one: Placed, indent: str) -> str:
    lat, lon = one.texts
    time = "" if one.utc is None else f"<time>{one.utc}</time>"
    sort = "<type>abstained</type>" if one.record.get("abstained") else ""
    return (
        f"{indent}<{kind} lat={quoteattr(lat)} lon={quoteattr(lon)}>{time}"
        f"<name>{escape(one.name)}</name>{sort}"
        f"<extensions>{''.join(_extensions(one))}</extensions></{kind}>\n"
    )


def _extensions(one: Placed) -> Iterator[str]:
    for key, value in one.facts():
        yield f"<georet:{key}>{escape(value)}</georet:{key}>"
