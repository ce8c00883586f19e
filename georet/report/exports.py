"""The exported encoders of a run: how faithful each is, and the images that it changed most."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from georet.errors import DataError, GeoretError
from georet.files import read_json
from georet.page.markup import Html, join, rows, tag
from georet.page.readable import NOTHING, count, megabytes
from georet.page.thumbnails import Thumbnails
from georet.report.judged import RunReport
from georet.report.records import Record
from georet.run_layout import ARTEFACT, EXPORT

"""The folder of a run that holds its artefacts."""
_SHOWN, _SIDE = 8, 96
_HEADS = (
    *("Artefact", "Gate", "Precision", "Size", "1 \N{MINUS SIGN} cosine, worst"),
    *("Same first place", "R@1 before", "R@1 after"),
)


class GateRecord(Record):
    """Whether the artefact may be used."""

    passed: bool
    rule: str = ""
    found: str = ""


class RecallRecord(Record):
    """Recall@1 in percent, and the change's interval of 95 % in points."""

    before: float
    after: float
    change: float
    change_interval: tuple[float, float]
    method: str = ""


class WorstRecord(Record):
    """An image, and the cosine between its two embeddings."""

    view: str
    id: str
    cosine: float


class FidelityRecord(Record):
    """What the comparison with torch found."""

    set: str
    num_queries: int
    num_references: int
    reference: str
    executed: str
    of: str | None = None
    cosine: dict[str, float]
    top1_agreement: float
    recall: RecallRecord = Field(alias="recall@1")
    worst: tuple[WorstRecord, ...] = ()
    gate: GateRecord


class ExportRecord(Record):
    """An artefact's manifest."""

    format: str
    precision: str
    files: dict[str, dict[str, str]] = Field(default={})
    fidelity: FidelityRecord | None = None

    @property
    def num_bytes(self) -> int:
        """The size of all files."""
        return sum(int(entry.get("bytes", 0)) for entry in self.files.values())


def exports(report: RunReport) -> Html:
    """Return a table of the run's artefacts, and for each the images that it changed most."""
    parts = [_part(report, name, _read(path)) for name, path in artefacts(report).items()]
    caption = (
        "Each artefact against torch in fp32, on the images of the main evaluation set. The gate "
        "decides by what the precision allows."
    )
    return join(
        rows([cells for cells, _ in parts], heads=_HEADS, caption=caption),
        *(shown for _, shown in parts),
    )


def artefacts(report: RunReport) -> dict[str, Path]:
    """Return the manifests of a run's artefacts, at most two folders down, by name."""
    folder = report.run.path / EXPORT
    found = sorted([*folder.glob(f"*/{ARTEFACT}"), *folder.glob(f"*/*/{ARTEFACT}")])
    named = {path.parent.relative_to(folder).as_posix(): path for path in found}
    # What begins with a dot is still being written.
    return {name: path for name, path in named.items() if "." not in (name[0], path.parent.name[0])}


def _read(path: Path) -> ExportRecord:
    try:
        return ExportRecord.model_validate(read_json(path))
    except (ValidationError, GeoretError) as error:
        raise DataError(
            f"The manifest of the artefact {path.parent.name} can't be read."
        ) from error


def _part(report: RunReport, name: str, record: ExportRecord) -> tuple[list[object], Html]:
    """Return the row of an artefact, and what is shown below the table."""
    found, about = record.fidelity, [record.precision, megabytes(record.num_bytes)]
    if found is None:
        return [name, "not judged", *about, *[NOTHING] * 4], Html()
    low, high = found.recall.change_interval
    is_passed = found.gate.passed
    cells: list[object] = [
        name,
        tag("b", "passed" if is_passed else "failed", class_="right" if is_passed else "wrong"),
        *about,
        f"{max(0.0, 1 - found.cosine['min']):.1e}",
        f"{found.top1_agreement:.2f} %",
        f"{found.recall.before:.2f}",
        f"{found.recall.after:.2f} ({low:+.2f} to {high:+.2f})",
    ]
    return cells, _below(report, name, found)


def _below(report: RunReport, name: str, found: FidelityRecord) -> Html:
    of = f" Executed was {found.of}." if found.of else ""
    about = (
        f"{found.set}: {count(found.num_queries)} queries, {count(found.num_references)} "
        f"references; {found.executed} against {found.reference}.{of} "
        f"{found.gate.rule}; {found.gate.found}. The interval of R@1 is that of the change "
        f"in points ({found.recall.method})."
    )
    return join(tag("h3", name), tag("p", about, class_="aside"), _worst(report, found))


def _worst(report: RunReport, found: FidelityRecord) -> Html:
    """Return the images that the export changed most, worst first."""
    data = report.evaluations.get(found.set)
    if data is None:
        return tag("p", "The images of this set were not at hand.", class_="absent")
    tables = (data.queries, data.gallery)
    paths = {i: path for table in tables for i, path in zip(table.ids, table.paths, strict=True)}
    pictures = Thumbnails(_SIDE)
    items = []
    for image in found.worst[:_SHOWN]:
        words = f"1 \N{MINUS SIGN} cosine {max(0.0, 1 - image.cosine):.1e}"
        alt = f"{image.view} {image.id}, {words}"
        picture = pictures.picture(paths[image.id], alt) if image.id in paths else NOTHING
        items.append(tag("li", picture, tag("span", image.id), tag("span", words)))
    caption = tag("p", "The images that it changed most, worst first.", class_="caption")
    return join(tag("ol", *items, class_="tiles changed"), caption)
