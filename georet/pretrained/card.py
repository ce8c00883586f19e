"""The card of a run in a repository: what it is made of, what it was measured to do, what for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from georet.configure import load_resolved
from georet.errors import DataError
from georet.files import read_object
from georet.run_layout import ARTEFACT, CONFIG, EVALUATION, EXPORT, MANIFEST

_SPDX: Final = "license"
_USE: Final = """It finds photos among geo-tagged overhead tiles: `georet gallery build` embeds the
tiles of a map, `georet locate` says which of them a photo resembles, and where it may have been
taken. The figures above hold for data like those that they were measured on; for another area,
season, camera or height measure again: `georet eval`, `georet gallery calibrate`. Don't use it to
find people who don't want to be found."""

_HOW: Final = """```sh
georet gallery build area.tif --encoder hub:{name} --side 40m --out area.gallery
georet locate area.gallery photo.jpg
```

```python
from georet import Encoder

encoder = Encoder.from_pretrained("hub:{name}")
```
"""


def card_of(run_dir: Path, *, name: str, licence: str) -> str:
    """Return the Markdown of a run's card; every figure in it is from the run's own files."""
    config, manifest = load_resolved(run_dir / CONFIG), read_object(run_dir / MANIFEST)
    front = f"---\nlibrary_name: georet\n{_SPDX}: {json.dumps(licence)}\ntags:\n"
    front += "- image-retrieval\n- geo-localization\n- remote-sensing\n---\n"
    backbone = {"name": config.encoder.backbone.name, **config.encoder.backbone.options}
    sizes = ", ".join(f"{view} {h} x {w}" for view, (h, w) in config.data.embedded_size.items())
    parameters = manifest.get("num_parameters")
    plugins = ", ".join(f"{k} {v}" for k, v in dict(manifest.get("plugins") or {}).items())
    versions = f"georet {manifest.get('georet')}, torch {manifest.get('torch')}"
    made = [
        f"- encoder: {_plain(backbone)}",
        f"- images (height x width): {sizes}, resized by `{config.data.resize}`",
        f"- parameters: {parameters:,}" if isinstance(parameters, int) else "",
        f"- made with {versions}, plugins {plugins}",
    ]
    parts = [
        front,
        f"# {name}\n",
        *(line for line in made if line),
        "\n## Data\n",
        *_data(config, manifest),
        "\n## Figures\n",
        *_figures(run_dir),
        "\n## Exports\n",
        *_exports(run_dir),
        "\n## Intended use\n",
        _USE,
        f"\n## Licence\n\n{licence}",
        "\n## How to use it\n",
        _HOW.format(name=name),
    ]
    return "\n".join(parts)


def _data(config: Any, manifest: Mapping[str, Any]) -> Iterator[str]:
    if "untrained" in manifest:
        yield "Not trained by georet: the weights are those of the network as it was released."
        if "fitted" in manifest:
            fits = ", ".join(str(one["fit"]) for one in manifest["fitted"]["fits"])
            yield f"Fitted to {manifest['fitted']['num_tiles']} tiles of a map: {fits}."
        return
    if "imported" in manifest:
        yield f"Imported from released weights, SHA-256 {manifest['imported']['sha256']}."
        return
    data = dict(manifest.get("dataset") or {})
    counts = ", ".join(
        f"{value:,} {key.removeprefix('num_')}" for key, value in data.items() if key != "name"
    )
    yield f"- data set: {data.get('name')}" + (f"; {counts}" if counts else "")
    yield f"- recipe: {config.recipe}, seed {config.seed}, {config.train.epochs} epochs of batches "
    yield f"  of {config.train.batch_size}"


def _figures(run_dir: Path) -> Iterator[str]:
    rows = []
    for path in sorted((run_dir / EVALUATION).glob("*.json")):
        try:
            found = read_object(path)
        except DataError:
            continue
        metrics = found.get("metrics") or {}
        shown = ", ".join(
            f"{key} {value:.4g}" for key, value in metrics.items() if isinstance(value, int | float)
        )
        counts = (
            f"{found.get('num_queries', '?')} queries, {found.get('num_references', '?')} tiles"
        )
        rows.append(
            f"| {found.get('set', path.stem)} | {found.get('protocol')} | {counts} | {shown} |"
        )
    if not rows:
        yield "None were measured with this run."
        return
    seed = load_resolved(run_dir / CONFIG).seed
    yield f"One run, seed {seed}.\n"
    yield "| set | protocol | counts | figures |\n|---|---|---|---|"
    yield from rows


def _exports(run_dir: Path) -> Iterator[str]:
    lines = []
    for path in sorted((run_dir / EXPORT).rglob(ARTEFACT)):
        found = read_object(path)
        fidelity = found.get("fidelity") or {}
        gate = fidelity.get("gate") or {}
        if not gate:
            continue
        verdict = "passed" if gate.get("passed") else "failed"
        least = (fidelity.get("cosine") or {}).get("min")
        counts = f"{fidelity.get('num_queries')} queries, {fidelity.get('num_references')} tiles"
        lines.append(
            f"- {path.parent.relative_to(run_dir / EXPORT)}: gate {verdict}; least cosine to torch "
            f"{least:.7f} ({fidelity.get('set')}: {counts})"
        )
    yield from lines or ["None were judged with this run; `georet export` writes and judges them."]


def _plain(options: Mapping[str, Any]) -> str:
    kept = {k: v for k, v in options.items() if not (isinstance(v, str) and "/" in v)}
    return f"`{json.dumps(kept)}`"
