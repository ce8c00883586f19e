"""Whether what is about to be trained can be exported later, asked of the exporters beforehand."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from georet.blame import blaming
from georet.config import RunConfig
from georet.encoder import Encoder
from georet.errors import GeoretError
from georet.plugins import Plugins
from georet.train import setup

OPT_OUT = "encoder.check_export"


def unexportable(encoder: Encoder, config: RunConfig, plugins: Plugins) -> Iterator[str]:
    """Yield a warning for each exporter that finds that it could not write the encoder.

    Exporters that can't tell (no ``check``), or whose packages are not installed, are passed over.
    """
    if not config.encoder.check_export:
        return
    embedded = config.data.embedded_size
    sizes = {v: size for v, size in embedded.items() if encoder.branch_name(v) is not None}
    for entry in plugins.catalog.entries("exporters"):
        if entry.missing or not hasattr(entry.factory(), "check"):
            continue
        try:
            context = setup.building(config, plugins, views=list(sizes))
            exporter = plugins.catalog.create("exporters", entry.id, context=context)
            # Whatever a backbone draws here shall not move the run's own numbers.
            with blaming(exporter, "check()"), torch.random.fork_rng(devices=[]):
                exporter.check(encoder, sizes)
        except GeoretError as error:
            yield (
                f"warning: {entry.component.name}: the encoder can be trained, not exported: "
                f"{error}\n  To train without this trial: --set {OPT_OUT}=false"
            )


def unexportable_backbones(config: RunConfig, plugins: Plugins) -> Iterator[str]:
    """Yield the same warnings from a configuration alone.

    The encoder is built for it on the CPU, unless georet itself brings the backbones: theirs may
    be large or load weights from the network, and are tried when training starts.
    """
    specs = [spec for spec, _ in config.encoder.branch_specs(config.data.size).values()]
    owners = [plugins.catalog.find("backbones", spec.name).owner for spec in specs]
    if config.encoder.check_export and any(o.distribution != "georet" for o in owners):
        on_cpu = config.model_copy(update={"device": "cpu"})
        encoder = setup.make_encoder(on_cpu, plugins, list(config.data.embedded_size))
        yield from unexportable(encoder, config, plugins)
