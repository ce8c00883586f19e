"""One format on its way into its folder: written beside it, judged, and only then moved there."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from georet.blame import blaming, maker_of
from georet.encoder import Encoder
from georet.export_spec import Exporter, ExportSpec
from georet.files import replaced_folder, tidy_temporary
from georet.plugins import Plugins
from georet.run_layout import ARTEFACT
from georet_export.artefact.artefact import Artefact, amend, read_artefact
from georet_export.artefact.errors import ExportError
from georet_export.exporting.request import folder_of
from georet_export.fidelity.judge import Fidelity, Judge
from georet_export.fidelity.judging import judged


@dataclass(frozen=True)
class Outcome:
    """One format: its folder, its artefacts, and what the comparison with torch found.

    ``artefacts`` is empty for an exporter that writes no manifest. ``unjudged`` says why there is
    no ``fidelity``. A failing export that was not asked for is gone: ``is_kept`` is False.
    """

    path: Path
    exporter: str
    precision: str
    artefacts: Sequence[Artefact]
    fidelity: Fidelity | None
    unjudged: str | None = None
    is_kept: bool = True

    @property
    def has_failed(self) -> bool:
        """Whether the gate refused it."""
        return self.fidelity is not None and not self.fidelity.gate.passed

    @property
    def num_bytes(self) -> int:
        """The size of all files."""
        return sum(e["bytes"] for found in self.artefacts for e in found.files.values())


@dataclass(frozen=True)
class Job:
    """What to write into the folder ``path``: the artefacts of ``specs``, by one exporter.

    ``max_loss`` are the points of recall@1 that int8 may lose.
    """

    path: Path
    name: str
    exporter: Exporter
    specs: Sequence[ExportSpec]
    max_loss: float
    keep_failing: bool

    def run(self, encoder: Encoder, judge: Judge | None, plugins: Plugins) -> Outcome:
        """Write all artefacts beside the folder, judge them, and move them there."""
        tidy_temporary(self.path.parent, self.path.name)
        with replaced_folder(self.path) as stage:
            folders = [
                self._exported(encoder, spec, folder_of(stage, spec, len(self.specs)))
                for spec in self.specs
            ]
            fidelity, why = self._judged(folders, judge, plugins)
            artefacts = _marked(folders, fidelity)
            is_kept = fidelity is None or fidelity.gate.passed or self.keep_failing
            if not is_kept:
                shutil.rmtree(stage)
        if is_kept:
            artefacts = [
                replace(found, path=self.path / found.path.relative_to(stage))
                for found in artefacts
            ]
        return Outcome(
            self.path, self.name, self.specs[0].precision, artefacts, fidelity, why, is_kept
        )

    def _exported(self, encoder: Encoder, spec: ExportSpec, path: Path) -> Path:
        """Return the folder of one artefact; ComponentError where the exporter leaves none."""
        with blaming(self.exporter, "export()"):
            found: object = self.exporter.export(encoder, spec, path)
        if not isinstance(found, Path) or not found.exists():
            raise maker_of(self.exporter).broke(
                f"export() returned {found!r:.80}", "Return the folder that was written."
            )
        return found

    def _judged(
        self, folders: Sequence[Path], judge: Judge | None, plugins: Plugins
    ) -> tuple[Fidelity | None, str | None]:
        """Return the fidelity, or None and why there is none."""
        if judge is None:
            return None, "no comparison was asked for"
        if not all(map(_has_manifest, folders)):
            return None, f"the exporter {self.name} writes no {ARTEFACT}"
        return judged(folders, judge, plugins, max_loss=self.max_loss)


def check_gates(outcomes: Sequence[Outcome]) -> None:
    """Raise ExportError if an export failed its gate."""
    failed = [outcome for outcome in outcomes if outcome.has_failed]
    if not failed:
        return
    names = ", ".join(outcome.path.name for outcome in failed)
    were = "was" if len(failed) == 1 else "were"
    if all(outcome.is_kept for outcome in failed):
        end, hint = "kept and marked", "Use a higher precision."
    else:
        end, hint = "removed", "Use a higher precision, or --keep-failing to look into it."
    raise ExportError(f"{names} {were} compared with torch, and failed: {end}", hint=hint)


def _has_manifest(folder: Path) -> bool:
    return (folder / ARTEFACT).is_file()


def _marked(folders: Sequence[Path], fidelity: Fidelity | None) -> list[Artefact]:
    """Return the artefacts, verified, with the findings in their manifests."""
    found = [folder for folder in folders if _has_manifest(folder)]
    if fidelity is None:
        return [read_artefact(folder) for folder in found]
    return [amend(folder, fidelity=fidelity.as_json()) for folder in found]
