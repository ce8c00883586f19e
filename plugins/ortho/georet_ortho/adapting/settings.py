"""What georet adapt was asked for, and what it plans: fixed at the first call, read by the next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from georet.errors import UsageError
from georet.files import read_object, write_json
from georet_ortho.looks import Look

FOLDER: Final = "adapt"
SETTINGS: Final = "settings.json"
RESULT: Final = "adapt.json"
REPORT: Final = "adapt.html"
LEAST_PAIRS, MOST_PAIRS = 128, 6000
SIZE: Final = 128


@dataclass(frozen=True)
class Settings:
    """``pairs`` 0: as many as fit the ``minutes``. ``judged``: photos of each evaluation set."""

    source: str
    encoder: str
    side_m: float
    overlap: float = 0.5
    minutes: float = 10.0
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
            if before.get(name) != value and not (name == "pairs" and not value)
        ]  # fmt: skip
        if changed:
            raise UsageError(
                f"was begun with another {', '.join(changed)}",
                where=str(run_dir),
                hint="Repeat the command as it was, or choose another --out.",
            )
        return replace(self, pairs=int(before["pairs"]))

    def save(self, run_dir: Path) -> None:
        """Write them, so that a second call goes on with the same."""
        (run_dir / FOLDER).mkdir(parents=True, exist_ok=True)
        write_json(run_dir / FOLDER / SETTINGS, asdict(self))


def affordable(settings: Settings, costs: Mapping[str, float], num_tiles: int) -> int:
    """Return how many pairs fit the minutes, by what one of each thing cost (seconds) in a trial.

    ``photo``: rendering; ``map``: an image through the trunk; ``step``: a pair through the head,
    there and back.
    """
    judged = 3 * settings.judged * (costs["photo"] + 14 * costs["map"])
    fixed = (1 + settings.gallery) * num_tiles * costs["map"] + judged + 10
    pair = costs["photo"] + 4 * costs["map"] + 12 * 1.75 * costs["step"]
    return int(min(max((settings.minutes * 60 - fixed) / pair, LEAST_PAIRS), MOST_PAIRS))


def as_told(values: Mapping[str, Any]) -> str:
    """Return JSON for a file."""
    return json.dumps(values, indent=2) + "\n"
