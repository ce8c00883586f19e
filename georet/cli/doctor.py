"""``georet doctor``: what this machine can do."""

from __future__ import annotations

from typing import Any

from georet.cli.options import AsJson
from georet.progress import console, echo_json

EPILOG = """Examples:

georet doctor

georet doctor --json
"""


def doctor(as_json: AsJson = False) -> None:
    """Say what this machine can do: versions, devices, decoders, extras, cache."""
    from georet.doctor import examine

    found = examine()
    if as_json:
        echo_json(found)
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(show_header=False, box=None)
    for title, text in _rows(found):
        table.add_row(f"[bold]{title}[/]", text)
    console(highlight=False).print(table)


def _rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [(name, found[name]) for name in ("georet", "python", "platform")]
    cpu, torch, cache = found["cpu"], found["torch"], found["cache"]
    rows.append(("cpu", f"{cpu['usable']} of {cpu['count']} cores usable"))
    fault = _escaped(torch.get("error", ""))
    rows.append(("torch", fault or f"{torch['version']}, {torch['threads']} threads"))
    for device in torch.get("devices", ()):
        memory = f", {device['memory_gib']} GiB" if "memory_gib" in device else ""
        rows.append((device["device"], f"{device['name']}{memory}"))
    if not torch.get("devices"):
        rows.append(("device", "cpu alone; no accelerator was found"))
    libraries = found["decoders"] | {"numba": found["numba"]}
    rows += [(name, version or "[red]missing[/]") for name, version in libraries.items()]
    for extra, state in found["extras"].items():
        missing = f"[yellow]missing {', '.join(state['missing'])}[/]: {_escaped(state['install'])}"
        rows.append((f"extra {extra}", f"{'present' if state['present'] else missing}"))
        rows.append(("", f"[dim]{state['brings']}[/]"))
    state = "writable" if cache["writable"] else "[red]not writable[/]; set GEORET_CACHE"
    rows.append(("cache", f"{_escaped(cache['path'])} ({state})"))
    return rows


def _escaped(text: str) -> str:
    """Return the text so that rich prints its brackets."""
    return text.replace("[", r"\[")
