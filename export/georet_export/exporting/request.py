"""What ``georet export`` is to write: formats by exporter and folder, views by artefact."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from georet.config import DataConfig, RunConfig
from georet.data.images import read_image
from georet.data.resizing import rule_of
from georet.encoder import Encoder, weights_sha256
from georet.errors import UsageError
from georet.export_spec import DEFAULT_BATCH, ExportSpec, Precision
from georet.identity import EncoderIdentity
from georet.plugins import Plugins
from georet.train import setup
from georet.types import ImageTable, Pixels

LABELS = {"tensorrt_rtx": "trt-rtx", "tensorrt": "trt"}
"""What folders are called where that is not the exporter's name."""


@dataclass(frozen=True)
class Request:
    """What the user asked for: exporters by name, and how each is to write."""

    exporters: Sequence[str]
    precision: Precision = "fp32"
    batch: tuple[int, int, int] = DEFAULT_BATCH
    targets: tuple[str, ...] = ()

    def label(self, exporter: str) -> str:
        """Return the folder's name of one format, such as ``onnx-fp32``."""
        short = exporter.rpartition(":")[2]
        return f"{LABELS.get(short, short)}-{self.precision}"


def specs_of(
    encoder: Encoder,
    config: RunConfig,
    plugins: Plugins,
    request: Request,
    origin: Mapping[str, Any],
) -> list[ExportSpec]:
    """Return one spec for each artefact that a format takes.

    Views that are embedded alike, at the same image size, share an artefact; all others get their
    own.
    """
    sha256 = weights_sha256(encoder)
    groups: dict[tuple[Hashable, tuple[int, int]], list[str]] = {}
    embedded = config.data.embedded_size
    for view in [view for view in embedded if encoder.branch_name(view) is not None]:
        key = encoder.likeness(view), config.data.size[view]
        groups.setdefault(key, []).append(view)
    read = _calibration(config, plugins)
    return [
        ExportSpec(
            identities={
                view: EncoderIdentity(
                    weights_sha256=sha256,
                    view=view,
                    size=size,
                    embed_dim=encoder.embed_dim,
                    resize_rule=rule_of(config.data),
                    precision=request.precision,
                    backend="",
                )
                for view in views
            },
            precision=request.precision,
            batch=request.batch,
            targets=request.targets,
            calibration=read(views, size),
            origin=origin,
        )
        for (_, size), views in groups.items()
    ]


def folder_of(base: Path, spec: ExportSpec, num_specs: int) -> Path:
    """Return where an artefact stands below its format's folder."""
    return base if num_specs == 1 else base / spec.view


def parse_batch(text: str) -> tuple[int, int, int]:
    """Return smallest, usual and largest batch of ``1,32,128``, or of one number for all."""
    try:
        numbers = [int(part) for part in text.replace(" ", ",").split(",") if part]
        smallest, usual, largest = numbers * 3 if len(numbers) == 1 else numbers
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not three numbers", where="--batch", hint="For example --batch 1,32,128"
        ) from error
    return smallest, usual, largest


def _calibration(
    config: RunConfig, plugins: Plugins
) -> Callable[[Sequence[str], tuple[int, int]], Callable[[int], Pixels]]:
    """Return what makes the readers of training images; the data set is opened when one is used."""

    def reader(views: Sequence[str], size: tuple[int, int]) -> Callable[[int], Pixels]:
        def read(num: int) -> Pixels:
            tables = setup.load_data(config, plugins).pairs.views
            known = [tables[view] for view in views if view in tables]
            share = -(-num // max(1, len(known)))
            found = [_images(table, size, share, config.data) for table in known]
            return np.concatenate(found)[:num] if found else np.empty((0, *size, 3), np.uint8)

        return read

    return reader


def _images(table: ImageTable, size: tuple[int, int], num: int, data: DataConfig) -> Pixels:
    """Return images spread evenly over the table: always the same, and from all over it."""
    rows = np.unique(np.linspace(0, len(table) - 1, min(num, len(table))).round().astype(int))
    rule, most = rule_of(data), data.max_pixels
    images = [read_image(table.paths[r], size=size, rule=rule, max_pixels=most) for r in rows]
    return np.stack(images)
