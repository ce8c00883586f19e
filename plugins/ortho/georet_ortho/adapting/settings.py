"""What georet adapt was asked for, and what it plans: fixed at the first call, read by the next."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from georet.errors import UsageError
from georet.files import read_object, write_json
from georet_ortho.flights import Flights
from georet_ortho.looks import Look

FOLDER: Final = "adapt"
SETTINGS: Final = "settings.json"
RESULT: Final = "adapt.json"
REPORT: Final = "adapt.html"
SIZE: Final = 128


@dataclass(frozen=True)
class Settings:
    """``pairs`` 0: as many as fit the ``minutes`` of one core. ``judged``: photos of each set.

    ``camera`` is a preset's name, or where photos lie whose telemetry tells of it: then ``flights``
    are the ranges that were found there at the first call.
    """

    source: str
    encoder: str
    side_m: float
    overlap: float = 0.5
    minutes: float = 3.0
    pairs: int = 0
    judged: int = 150
    camera: str = "any"
    look: Look = "strong"
    photos_from: str | None = None
    dsm: str | None = None
    photos: str | None = None
    held_out: str | None = None
    seed: int = 0
    gallery: bool = True
    size: int = SIZE
    telemetry: str | None = None
    flights: dict[str, Any] | None = None

    def cameras(self) -> Flights:
        """Return the cameras that photos are taken by."""
        return Flights.named(self.camera) if self.flights is None else Flights.told(self.flights)

    def begun(self, run_dir: Path) -> Settings:
        """Return the settings with which work in ``run_dir`` was begun, these where none was.

        UsageError where it was begun with other ones; the number of pairs stays as it was planned.
        """
        path = run_dir / FOLDER / SETTINGS
        if not path.is_file():
            return self
        before = read_object(path)
        now = json.loads(json.dumps(asdict(self)))
        changed = [
            name for name, value in now.items()
            if before.get(name) != value and not (name in ("pairs", "flights") and not value)
        ]  # fmt: skip
        if changed:
            raise UsageError(
                f"was begun with another {', '.join(changed)}",
                where=str(run_dir),
                hint="Repeat the command as it was, or choose another --out.",
            )
        return replace(self, pairs=int(before["pairs"]), flights=before.get("flights"))

    def save(self, run_dir: Path) -> None:
        """Write them, so that a second call goes on with the same."""
        (run_dir / FOLDER).mkdir(parents=True, exist_ok=True)
        write_json(run_dir / FOLDER / SETTINGS, asdict(self))
