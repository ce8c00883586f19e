"""What banks, judge and saving may use of a training, instead of the trainer itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from torch import nn
from torch.optim import Optimizer

from georet.config import RunConfig
from georet.contracts.building import BuildContext
from georet.contracts.encoding import Fit
from georet.contracts.training import Sampler
from georet.data.loader import PairLoader
from georet.data.resizing import rule_of
from georet.encoder import Encoder
from georet.evaluate.embed import Embedder
from georet.fits.fitting import check_fits
from georet.interrupt import StopRequest
from georet.plugins import Plugins
from georet.progress import Stage
from georet.ranks.world import ALONE, Ranks
from georet.train import setup
from georet.train.checkpoint import Checkpoint
from georet.train.events import EventLog
from georet.train.objective import Objective
from georet.train.optim import make_optimizer
from georet.train.optimising.average import Average
from georet.train.optimising.rate import Rate, make_rate
from georet.train.setup import Data
from georet.train.state import State
from georet.train.step import Stepper
from georet.train.stepping.sharable import fit_for_ranks


@dataclass(frozen=True)
class Parts:
    """What a training is made of. The parts stay the same objects from start to end.

    ``state`` is where the training stands: trainer, banks and judge each move their own fields.
    """

    config: RunConfig
    plugins: Plugins
    run_dir: Path
    data: Data
    encoder: Encoder
    sampler: Sampler
    objective: Objective
    optimizer: Optimizer
    rate: Rate
    average: Average | None
    stepper: Stepper
    embedder: Embedder
    fits: Sequence[Fit]
    state: State
    ranks: Ranks

    @property
    def modules(self) -> nn.ModuleDict:
        """All that is trained, by the names under which a checkpoint keeps it."""
        return nn.ModuleDict({"encoder": self.encoder, "objective": self.objective})

    @property
    def uses_average(self) -> bool:
        """Whether the average of the weights is what is judged, and loaded by default."""
        return self.average is not None and self.average.config.use

    def judged(self) -> AbstractContextManager[None]:
        """Return where the encoder has the weights that are judged."""
        if self.average is None or not self.average.config.use:
            return nullcontext()
        return self.average.applied()


def make_parts(
    config: RunConfig,
    plugins: Plugins,
    run_dir: Path,
    checkpoint: Checkpoint | None,
    data: Data | None = None,
    ranks: Ranks = ALONE,
) -> Parts:
    """Build everything from the configuration; with a checkpoint, weights are loaded later.

    ``data`` is the data set, where it has been read already; ``ranks`` those that train together,
    who then begin with the same weights.
    """
    data = data or setup.load_data(config, plugins, run_dir)
    views = setup.embedded_views(config, data.pairs)
    # Before the encoder, which may take long to build.
    setup.check_views(config, data.pairs)
    during, _ = setup.judged_sets(config, data.evaluations, plugins)
    context = setup.building(config, plugins, run_dir, views)
    rate = make_rate(config.train, during, context)
    bare = None if checkpoint is None else checkpoint.state["bare_options"]
    encoder = setup.make_encoder(config, plugins, views, bare, run_dir)
    fit_for_ranks(encoder, config, data.pairs, ranks)
    sampler = setup.make_sampler(config, plugins, views, run_dir)
    objective = setup.make_objective(config, plugins, encoder.feature_dim, data.pairs, run_dir)
    modules = nn.ModuleDict({"encoder": encoder, "objective": objective})
    ranks.same_tensors(modules.state_dict().values())
    optimizer = make_optimizer(config.train, modules, context)
    average = None if config.train.ema is None else Average(encoder, config.train.ema)
    fits = _fits(config, plugins, context)
    check_fits(fits, encoder.feature_dim, views)
    precision = setup.precision_of(config)
    stepper = Stepper(
        encoder,
        objective,
        optimizer,
        config.train,
        precision=precision,
        seed=config.seed,
        ranks=ranks,
    )
    embedder = Embedder(encoder, config.data, config.evaluate.batch_size, precision, ranks=ranks)
    return Parts(
        config=config,
        plugins=plugins,
        run_dir=run_dir,
        data=data,
        encoder=encoder,
        sampler=sampler,
        objective=objective,
        optimizer=optimizer,
        rate=rate,
        average=average,
        stepper=stepper,
        embedder=embedder,
        fits=fits,
        state=State(),
        ranks=ranks,
    )


def loader_of(parts: Parts, *, workers: int | None = None) -> PairLoader:
    """Return the loader of a training's batches; ``workers`` in place of the configured number."""
    views = list(parts.data.pairs.views)
    joint, augment = setup.make_transforms(parts.config, parts.plugins, views, parts.run_dir)
    data = parts.config.data
    # The first rank that makes a cache of images says how large it will be, and only one speaks.
    with parts.ranks.in_turn() if data.cache else nullcontext():
        return PairLoader(
            parts.data.pairs,
            size=data.size,
            joint=joint,
            augment=augment,
            size_schedule=data.size_schedule,
            aux_views=data.aux_views,
            epochs=parts.config.train.epochs,
            seed=parts.config.seed,
            workers=data.num_workers if workers is None else workers,
            rule=rule_of(data),
            max_pixels=data.max_pixels,
            bad_image_quota=data.bad_image_quota,
            cache=data.cache,
            pin_memory=parts.stepper.device.type == "cuda",
            share=None
            if parts.ranks.is_alone
            else parts.ranks.slots(parts.config.train.batch_size),
        )


def _fits(config: RunConfig, plugins: Plugins, context: BuildContext) -> list[Fit]:
    create = plugins.catalog.create
    return [
        create("fits", spec, where=f"fits.{number}", context=context)
        for number, spec in enumerate(config.fits)
    ]


class Log:
    """Notes what happens in a training, tells its observers, and stops it where it is asked to."""

    def __init__(
        self, events: EventLog, stop: StopRequest, tell: Callable[..., None], run_dir: Path
    ) -> None:
        self.events, self._stop, self._tell, self._run_dir = events, stop, tell, run_dir

    def observe(self, hook: str, **values: object) -> None:
        """Call an observer hook of all plugins, with the training as they may see it."""
        self._tell(hook, **values)

    @contextmanager
    def timed(self, stage: str, epoch: int) -> Iterator[None]:
        """Note how long a stage took."""
        started = time.perf_counter()
        yield
        self.note_time(stage, epoch, started)

    def note_time(self, stage: str, epoch: int, started: float, **values: object) -> None:
        """Note the seconds since ``started``."""
        seconds = round(time.perf_counter() - started, 3)
        self.events.timing(stage, epoch=epoch, seconds=seconds, **values)

    def advance(self, bar: Stage, num: int) -> None:
        """Move a bar, and stop here when a signal has come."""
        bar.advance(num)
        self.check_stop()

    def check_stop(self) -> None:
        """Raise Interrupted when a signal has come."""
        self._stop.check(
            "everything up to the last checkpoint is saved",
            hint=f"Go on with: georet train --resume {self._run_dir}",
        )
