"""Which format each file of located photos is written in, among those of all plugins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from georet.blame import blaming
from georet.config import ComponentSpec
from georet.contracts.answering import Output
from georet.errors import DataError, UsageError
from georet.files import replaced_file
from georet.locate.output.answers import Answers
from georet.plugins.catalog import Catalog
from georet.plugins.discovery import CORE
from georet.plugins.entry import Entry
from georet.sources.asked import split_options

KIND: Final = "outputs"


@dataclass(frozen=True)
class Target:
    """A file that is to be written, and the component that writes it."""

    path: Path
    output: Output
    entry: Entry

    @property
    def num_heats(self) -> int:
        """So many of the records keep their heat over all tiles: georet's own page shows it."""
        return int(getattr(self.output, "num_heats", 0))

    def write(self, answers: Answers) -> None:
        """Write the file, atomically; what a plugin's format does wrong is told with its name."""
        if self.entry.owner.name == CORE:
            self.output.write(self.path, answers)
            return
        with replaced_file(self.path) as temporary:
            # Libraries tell formats by suffixes.
            named = temporary.with_name(temporary.name + self.path.suffix)
            try:
                with blaming(self.entry.maker, "write()"):
                    self.output.write(named, answers)
                if not named.is_file():
                    raise self.entry.maker.broke("write() left no file")
                named.replace(temporary)
            finally:
                named.unlink(missing_ok=True)


def choose_outputs(outs: Sequence[Path], formats: Sequence[str], catalog: Catalog) -> list[Target]:
    """Return a target for each file: its format is named, or told by its suffix.

    ``formats`` are names with options, ``NAME?key=value``: none, one for all files, or one each.
    Raises UsageError for an unknown or ambiguous suffix, DataError where a folder is missing.
    """
    if formats and len(formats) not in (1, len(outs)):
        raise UsageError(
            f"{len(formats)} formats for {len(outs)} files",
            where="--format",
            hint="Give --out FILE for each --format, or one format for all files.",
        )
    named: list[str | None] = [*formats] if formats else [None]
    named = named * len(outs) if len(named) == 1 else named
    targets = []
    for out, name in zip(outs, named, strict=True):
        if name is None:
            entry, options = _by_suffix(out, catalog), dict[str, Any]()
        else:
            text, options = split_options(name)
            entry = catalog.find(KIND, text, where="--format")
        if not out.parent.is_dir():
            raise DataError(
                "there is no such folder", where=str(out.parent), hint=f"mkdir -p {out.parent}"
            )
        spec = ComponentSpec.model_construct(name=entry.id, **options)
        targets.append(Target(out, catalog.create(KIND, spec, where=name or str(out)), entry))
    return targets


def _by_suffix(out: Path, catalog: Catalog) -> Entry:
    suffix = out.suffix.lower()
    known = list(_suffixes(catalog))
    found = [entry for each, entry in known if each == suffix]
    if len(found) > 1:
        raise UsageError(
            f"is written by {' and by '.join(str(entry.maker) for entry in found)}",
            where=str(out),
            hint=f"Name the one you mean: --format {' or --format '.join(e.id for e in found)}",
        )
    if not found:
        raise UsageError(
            f"{out.suffix or 'no suffix'} is no known output",
            where=str(out),
            hint=f"Known: {', '.join(dict.fromkeys(each for each, _ in known))}.",
        )
    return found[0]


def _suffixes(catalog: Catalog) -> Iterator[tuple[str, Entry]]:
    """Yield the suffixes of all formats with the components that they belong to."""
    for entry in catalog.entries(KIND):
        if entry.missing:
            continue
        with blaming(entry.maker, "suffixes"):
            # On the class where there is one; a function has to make one first.
            holder = entry.factory()
            made = holder if hasattr(holder, "suffixes") else catalog.create(KIND, entry.id)
            for suffix in made.suffixes:
                yield suffix, entry
