"""Located photos as formats see them: the journal's records without what is for georet alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from georet.locate.output.batch import HEAT
from georet.locate.output.journal import Journal
from georet.locate.output.records import Record, as_text

if TYPE_CHECKING:
    from georet.gallery.stored import StoredGallery


@dataclass(frozen=True)
class Answers:
    """Located photos, read one by one from the journal (``georet.contracts.answering.Located``)."""

    journal: Journal
    provenance: Mapping[str, Any]
    gallery: StoredGallery

    def __len__(self) -> int:
        return self.journal.num_records

    def records(self) -> Iterator[Record]:
        """Yield the records in order, without their heat; names are text."""
        return map(_shown, self.journal.records())

    def unreadable(self) -> list[dict[str, str]]:
        """Return the photos that can't be read as JSON values."""
        return unreadable(self.journal)


def unreadable(journal: Journal) -> list[dict[str, str]]:
    """Return the photos that can't be read as JSON values."""
    bad = journal.unreadable().items()
    return [{"photo": as_text(photo), "reason": as_text(why)} for photo, why in bad]


def _shown(record: Record) -> Record:
    kept = {key: value for key, value in record.items() if key != HEAT}
    return kept | {"photos": [as_text(photo) for photo in record["photos"]]}
