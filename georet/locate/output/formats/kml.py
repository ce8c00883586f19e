"""KML 2.2 and KMZ: places, footprints and accuracies of photos, a flight as a line."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

import numpy as np
import simplejpeg

from georet.contracts.answering import Located
from georet.data.images import read_image, within
from georet.errors import GeoretError
from georet.files import replacing
from georet.ground.footprints import footprint_rings
from georet.locate.output.formats.placed import Placed, placed, printable
from georet.page.readable import degree_digits
from georet.types import Doubles

_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2">\n'
    "<Document>\n"
)
_STYLES: Final = (
    '<Style id="place"><IconStyle><color>ff5ed7ff</color><scale>0.9</scale></IconStyle></Style>\n'
    '<Style id="unsure"><IconStyle><color>80a0a0a0</color><scale>0.7</scale></IconStyle></Style>\n'
    '<Style id="footprint"><LineStyle><color>ff5ed7ff</color><width>2</width></LineStyle>'
    "<PolyStyle><color>335ed7ff</color></PolyStyle></Style>\n"
    '<Style id="accuracy"><LineStyle><color>ffffc48c</color><width>1.5</width></LineStyle>'
    "<PolyStyle><color>22ffc48c</color></PolyStyle></Style>\n"
    '<Style id="tile"><LineStyle><color>c0ffffff</color><width>1</width></LineStyle>'
    "<PolyStyle><fill>0</fill></PolyStyle></Style>\n"
    '<Style id="track"><LineStyle><color>ffae631d</color><width>3</width></LineStyle></Style>\n'
)
_ZIP_TIME: Final = (1980, 1, 1, 0, 0, 0)
"""No clock: the same photos give the same bytes."""
_PICTURE_PX: Final = 480


class Kml:
    """KML 2.2: a placemark a photo, folders of footprints, accuracies and candidates, the track.

    ``.kmz`` holds small pictures of the photos too, of at most ``photos`` of them, made of pixels,
    so that nothing of their EXIF is in it.
    """

    suffixes = (".kml", ".kmz")

    def __init__(self, photos: int = 500) -> None:
        self.photos = photos

    def write(self, path: Path, located: Located) -> None:
        """Write the file."""
        if path.suffix.lower() != ".kmz":
            with replacing(path) as stream:
                _write(stream.write, located, {})
            return
        with replacing(path, "wb") as raw, zipfile.ZipFile(raw, "w") as archive:
            pictures = self._pictures(archive, located)
            with archive.open(_entry("doc.kml"), "w", force_zip64=True) as inner:
                _write(lambda text: inner.write(text.encode("utf-8")), located, pictures)

    def _pictures(self, archive: zipfile.ZipFile, located: Located) -> dict[int, str]:
        """Put the photos that can still be read into the archive; return their names by number."""
        names: dict[int, str] = {}
        for one in placed(located.records()):
            if len(names) >= self.photos:
                break
            try:
                image = within(read_image(Path(one.record["photos"][0])), _PICTURE_PX)
            except (GeoretError, OSError, KeyError, IndexError, ValueError):
                continue
            name = f"photos/{one.number:05d}.jpg"
            content = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=82)
            archive.writestr(_entry(name, zipfile.ZIP_STORED), content)
            names[one.number] = name
        return names


def _entry(name: str, how: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _ZIP_TIME)
    info.compress_type = how
    return info


def _write(say: Callable[[str], Any], located: Located, pictures: dict[int, str]) -> None:
    name = escape(printable(str(located.provenance.get("gallery", {}).get("name", ""))))
    say(f"{_HEAD}<name>Located in {name}</name>\n{_STYLES}")
    say("<Folder><name>Photos</name>\n")
    for one in placed(located.records()):
        say(_placemark(one, pictures.get(one.number)))
    say("</Folder>\n<Folder><name>Footprints</name>\n")
    for one in placed(located.records()):
        if one.footprint is not None:
            say(_outline(one, one.footprint, "footprint"))
    say("</Folder>\n<Folder><name>Nine times in ten</name>\n")
    for one in placed(located.records()):
        if one.around is not None:
            say(_outline(one, one.around, "accuracy"))
    say("</Folder>\n<Folder><name>Candidates</name><visibility>0</visibility>\n")
    for one in placed(located.records()):
        for candidate in one.record.get("candidates") or ():
            say(_candidate(one, candidate))
    say("</Folder>\n")
    for line in _track(located):
        say(line)
    say("</Document>\n</kml>\n")


def _placemark(one: Placed, picture: str | None) -> str:
    lat, lon = one.texts
    shown = "" if picture is None else f'&lt;img src="{picture}" width="420"/&gt;'
    about = f"<description>{shown}</description>" if shown else ""
    data = "".join(
        f'<Data name="{key}"><value>{escape(value)}</value></Data>' for key, value in one.facts()
    )
    style = "unsure" if one.record.get("abstained") else "place"
    return (
        f"<Placemark><name>{escape(one.name)}</name>{about}{_time(one)}"
        f"<styleUrl>#{style}</styleUrl><ExtendedData>{data}</ExtendedData>"
        f"<Point><coordinates>{lon},{lat}</coordinates></Point></Placemark>\n"
    )


def _outline(one: Placed, latlon: Doubles, style: str) -> str:
    return (
        f"<Placemark><name>{escape(one.name)}</name>{_time(one)}<styleUrl>#{style}</styleUrl>"
        f"{_polygons(latlon, max(one.digits, degree_digits(one.accuracy_m / 10)))}</Placemark>\n"
    )


def _candidate(one: Placed, candidate: dict[str, Any]) -> str:
    name = escape(printable(f"{one.name}: {candidate['rank']}. {candidate['id']}"))
    corners = np.asarray(candidate["corners"], np.float64)
    return (
        f"<Placemark><name>{name}</name><visibility>0</visibility><styleUrl>#tile</styleUrl>"
        f"{_polygons(corners, degree_digits(candidate['side_m'] / 50))}</Placemark>\n"
    )


def _polygons(latlon: Doubles, digits: int) -> str:
    """Return rings that run on over the antimeridian as polygons that are cut there."""
    parts = []
    for ring in footprint_rings(latlon):
        places = " ".join(
            f"{lon:.{digits}f},{lat:.{digits}f}" for lon, lat in [*ring.tolist(), ring[0].tolist()]
        )
        parts.append(
            "<Polygon><outerBoundaryIs><LinearRing><coordinates>"
            f"{places}</coordinates></LinearRing></outerBoundaryIs></Polygon>"
        )
    return parts[0] if len(parts) == 1 else f"<MultiGeometry>{''.join(parts)}</MultiGeometry>"


def _track(located: Located) -> Iterator[str]:
    frames = (one for one in placed(located.records()) if one.is_frame)
    places = []
    for one in frames:
        lat, lon = one.texts
        places.append(f"{lon},{lat}")
    if len(places) > 1:
        yield (
            "<Placemark><name>Flight</name><styleUrl>#track</styleUrl><LineString>"
            "<tessellate>1</tessellate><coordinates>"
            f"{' '.join(places)}</coordinates></LineString></Placemark>\n"
        )


def _time(one: Placed) -> str:
    return "" if one.utc is None else f"<TimeStamp><when>{one.utc}</when></TimeStamp>"
