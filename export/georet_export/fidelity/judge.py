"""The fidelity of an export: does it still find the same places as the network that was trained?"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from georet.config import RunConfig
from georet.contracts.running import Session
from georet.embeddings import all_good, embed_stream, held_by
from georet.encoder import Encoder
from georet.errors import UsageError
from georet.export_spec import Precision
from georet.plugins import Plugins
from georet.progress import Stage, stage
from georet.sessions import TorchSession
from georet.types import Floats, ImageTable, Ints, Pixels
from georet_export.fidelity.compare import Compared, Sides, compare
from georet_export.fidelity.evidence import Evidence, evidence_of
from georet_export.fidelity.gate import MAX_LOSS, Verdict, decide

BATCH = 32


@dataclass(frozen=True)
class Fidelity:
    """What the comparison of an export with torch fp32 found, and the gate's verdict.

    ``reference`` and ``executed`` name both runtimes. ``of`` says what was executed where that is
    not the artefact itself.
    """

    evidence: Evidence
    views: tuple[str, ...]
    reference: str
    executed: str
    of: str | None
    compared: Compared
    gate: Verdict

    def as_json(self) -> dict[str, Any]:
        """Return what the artefact's manifest holds, as JSON values without any local path."""
        evidence, compared = self.evidence, self.compared
        return {
            "set": evidence.name,
            "num_queries": len(evidence.data.queries),
            "num_references": len(evidence.data.gallery),
            "is_whole_set": evidence.num_images == evidence.num_whole,
            "views": list(self.views),
            "reference": self.reference,
            "executed": self.executed,
            "of": self.of,
            "cosine": dict(compared.cosine),
            "top1_agreement": compared.top1_agreement,
            "recall@1": compared.recall.as_json(),
            "worst": [dict(image) for image in compared.worst],
            "gate": self.gate.as_json(),
        }

    def lines(self) -> list[str]:
        """Return the figures as sentences for the terminal."""
        data, cosine, recall = self.evidence.data, self.compared.cosine, self.compared.recall
        (low, high), num = recall.interval, recall.num / 100
        of = f", executed: {self.of}" if self.of else ""
        sizes = f"{len(data.queries)} queries, {len(data.gallery)} references"
        verdict = "passed" if self.gate.passed else "FAILED"
        shares = f"{recall.before / num:.2f} -> {recall.after / num:.2f}"
        return [
            f"{self.executed} against {self.reference}, {self.evidence.name}: {sizes}{of}",
            f"1 - cosine: at most {1 - cosine['min']:.1e}, mean {1 - cosine['mean']:.1e}",
            f"recall@1 {shares} ({recall.points:+.2f} points, 95 % {low:+.2f} to {high:+.2f})",
            f"same first place for {self.compared.top1_agreement:.2f} % of the queries",
            f"gate {verdict}: {self.gate.rule}; {self.gate.found}",
        ]


@dataclass
class Judge:
    """Compares exports of one encoder with torch, on images of its run's main evaluation set.

    torch's embeddings are computed once. ``num_images`` caps the images, None takes all.
    """

    encoder: Encoder
    config: RunConfig
    plugins: Plugins
    num_images: int | None = None
    _torch: dict[str, Session] = field(default_factory=dict)

    @cached_property
    def evidence(self) -> Evidence:
        """The images."""
        return evidence_of(self.config, self.plugins, num_images=self.num_images)

    @cached_property
    def expected(self) -> Sides:
        """What torch makes of the images, in fp32."""
        views = {view: self._torch_session(view) for view, _ in self.evidence.tables()}
        return embed_sides(self.evidence, views, "embedding with torch")

    def judge(
        self,
        candidates: Mapping[str, Session],
        precision: Precision,
        *,
        max_loss: float = MAX_LOSS,
        of: str | None = None,
    ) -> Fidelity:
        """Return the fidelity of sessions {view: session}; views without one stay torch's.

        ``max_loss`` are the points of recall@1 that int8 may lose. ``of`` says what the sessions
        execute, where the artefact itself can't be executed here. UsageError where the run's main
        evaluation set shows none of the views.
        """
        shown = dict.fromkeys(view for view, _ in self.evidence.tables())
        views = tuple(view for view in shown if view in candidates)
        if not views:
            raise UsageError(
                f"{self.evidence.name} shows {', '.join(shown)}, not {', '.join(candidates)}",
                hint="An export is judged by the views of the run's main evaluation set.",
            )
        used = {view: candidates[view] for view in views}
        title = f"judging {used[views[0]].identity.backend}"
        found = embed_sides(self.evidence, used, title, self.expected)
        compared = compare(self.evidence, self.expected, found, views)
        change, least = compared.recall.points, compared.cosine["min"]
        gate = decide(precision, cosine_min=least, recall_change=change, max_loss=max_loss)
        torch = self._torch_session(views[0]).identity
        return Fidelity(
            evidence=self.evidence,
            views=views,
            reference=f"{torch.backend} {torch.precision}",
            executed=used[views[0]].identity.backend,
            of=of,
            compared=compared,
            gate=gate,
        )

    def _torch_session(self, view: str) -> Session:
        if view not in self._torch:
            exact = self.config.model_copy(update={"precision": "fp32"})
            self._torch[view] = TorchSession(self.encoder, view, exact)
        return self._torch[view]


def embed_sides(
    evidence: Evidence,
    sessions: Mapping[str, Session],
    title: str,
    others: Sides | None = None,
) -> Sides:
    """Embed queries and gallery by the sessions {view: session}; ``others`` where there is none."""
    tables = evidence.tables()
    num = sum(len(table) for view, table in tables if view in sessions)
    with stage(num, title) as bar:
        first, second = (
            embed_table(evidence, sessions[view], table, bar)
            if view in sessions
            else _given(others, side)
            for side, (view, table) in enumerate(tables)
        )
    return first, second


def embed_table(evidence: Evidence, session: Session, table: ImageTable, bar: Stage) -> Floats:
    """Return the embeddings float32[N, D] of a table's images."""
    out = np.empty((len(table), session.identity.embed_dim), np.float32)
    taken: deque[Ints] = deque()

    def shown() -> Iterator[Pixels]:
        size, held = session.identity.size, held_by(session)
        for rows, images in evidence.batches(table, size, BATCH, held=held):
            taken.append(rows)
            yield images

    for embeddings, is_good in embed_stream(session, shown()):
        rows = taken.popleft()
        out[rows] = all_good(session, embeddings, is_good)
        bar.advance(len(rows))
    return out


def _given(others: Sides | None, side: int) -> Floats:
    if others is None:
        raise UsageError("neither a session nor embeddings for this side")
    return others[side]
