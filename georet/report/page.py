"""The report of a run: one HTML file with nothing outside it, made from the run folder alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from georet.errors import GeoretError
from georet.files import write_atomic
from georet.page.markup import Html, document, tag
from georet.report.batches import batches
from georet.report.contact import contact_sheet
from georet.report.distances import errors
from georet.report.exports import artefacts, exports
from georet.report.judged import RunReport
from georet.report.overview import galleries, headline, how_to_read, what_was_run
from georet.report.provenance import gaps, provenance
from georet.report.run_folder import read_run
from georet.report.training import curves
from georet.report.worldmap import world_map
from georet.run_layout import REPORT
from georet.types import EvaluationSet, PairTable

_Part = Callable[[RunReport], Html]
_Named = tuple[str, str, _Part]
EXPORTED = "exports"

_SECTIONS: tuple[_Named, ...] = (
    ("galleries", "Galleries", galleries),
    ("training", "Training", curves),
    ("batches", "Batches", batches),
    ("contact", "Queries and what came first", contact_sheet),
    ("map", "Where it finds and where it misses", world_map),
    ("errors", "How far off", errors),
    (EXPORTED, "Exported", exports),
    ("provenance", "To repeat this run", provenance),
)


def write_report(
    run_dir: Path, evaluations: Mapping[str, EvaluationSet], pairs: PairTable | None
) -> Path:
    """Write ``report.html`` into a run folder, atomically, and return its path.

    ``evaluations`` are the data set's sets, the main one first; ``pairs`` its training pairs. The
    same folder and data give the same bytes. What is missing or unreadable is left out with a
    sentence that says so; DataError only where there is no folder or the page can't be written.
    """
    report = RunReport(read_run(run_dir), evaluations, pairs)
    path = run_dir / REPORT
    # Ids come from file names, which may hold bytes that are no text.
    write_atomic(path, page(report).encode("utf-8", errors="replace"))
    return path


def page(report: RunReport) -> Html:
    """Return the whole page."""
    is_exported = any(artefacts(report))
    sections = tuple(s for s in _SECTIONS if is_exported or s[0] != EXPORTED)
    main = tag("main", *(_section(report, *section) for section in sections))
    return document(report.run.path.name, _header(report, sections), main)


def _header(report: RunReport, sections: tuple[_Named, ...]) -> Html:
    links = (tag("a", title, href=f"#{name}") for name, title, _ in sections)
    return tag(
        "header",
        tag("p", "georet · report of a training run", class_="over"),
        tag("h1", report.run.path.name),
        gaps(report),
        tag("div", _guarded(report, headline), what_was_run(report), class_="top"),
        how_to_read(),
        tag("nav", *links, aria_label="Contents"),
        id="summary",
    )


def _section(report: RunReport, name: str, title: str, part: _Part) -> Html:
    head = tag("h2", title, id=f"{name}-title")
    return tag("section", head, _guarded(report, part), id=name, aria_labelledby=f"{name}-title")


def _guarded(report: RunReport, part: _Part) -> Html:
    """Return a part of the page, or the sentence that says why it is left out."""
    try:
        return part(report)
    except GeoretError as error:
        return tag("p", error.what, class_="absent")
    except OSError as error:
        return tag("p", f"This part can't be made: {error}.", class_="absent")
