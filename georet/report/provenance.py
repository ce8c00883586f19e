"""The foot of the page: versions, hashes, the command to repeat, the configuration."""

from __future__ import annotations

from georet.files import sha256_of
from georet.page.markup import Html, join, more, rows, tag
from georet.report.judged import RunReport
from georet.run_layout import CONFIG, EVALUATION, EVENTS, MANIFEST

_HASHED = (MANIFEST, CONFIG, EVENTS, f"{EVALUATION}/*")
_MOST_GAPS = 8


def provenance(report: RunReport) -> Html:
    """Return how to repeat the run and what to check it against."""
    return join(_command(report), _versions(report), _hashes(report), _config(report))


def gaps(report: RunReport) -> Html:
    """Return the sentences about files that told nothing."""
    sentences = report.run.gaps[:_MOST_GAPS]
    left = len(report.run.gaps) - len(sentences)
    items = [tag("li", sentence) for sentence in sentences]
    if left:
        items.append(tag("li", f"{left} more of this kind."))
    return tag("ul", *items, class_="absent") if items else Html()


def _command(report: RunReport) -> Html:
    command = report.run.manifest.command
    if not command:
        return tag("p", "The run left no command.", class_="absent")
    return tag("pre", tag("code", command), tabindex="0", aria_label="command that made this run")


def _versions(report: RunReport) -> Html:
    m = report.run.manifest
    versions = {"georet": m.georet, "Python": m.python, "PyTorch": m.torch, **m.plugins}
    protocols = sorted({record.protocol for record in report.sets.values() if record.protocol})
    facts = {
        "Versions": ", ".join(f"{name} {version}" for name, version in versions.items() if version),
        "Protocols": ", ".join(protocols),
        "Run": " to ".join(filter(None, (m.started, m.finished))),
    }
    items = (tag("div", tag("dt", k), tag("dd", v)) for k, v in facts.items() if v)
    return tag("dl", *items, class_="run")


def _hashes(report: RunReport) -> Html:
    root = report.run.path
    paths = [p for pattern in _HASHED for p in sorted(root.glob(pattern)) if p.is_file()]
    table = [[p.relative_to(root).as_posix(), tag("code", sha256_of(p))] for p in paths]
    if not table:
        return Html()
    caption = "SHA-256 of the files that this page was made from."
    return more("Files and their hashes", rows(table, heads=["File", "SHA-256"], caption=caption))


def _config(report: RunReport) -> Html:
    if report.run.config is None:
        return Html()
    text = tag("pre", tag("code", report.run.config), tabindex="0", aria_label="configuration")
    return more("Configuration, resolved", text)
