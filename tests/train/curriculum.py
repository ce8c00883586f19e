"""A plugin that uses all that changes during a run; ``test_resume`` names it by its path.

Places of the tiny data set with three photos each and a second tile that only feeds a transform,
transforms that know where they are, a loss that reads what they reported, and a sampler that knows
how long the run is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from georet import Component, hookimpl
from georet.sampling import plan_batches
from georet.testing.tiny import TinyDataset
from georet.types import BatchPlan, PairTable


class Places:
    def __init__(self, root: Path) -> None:
        self.inner = TinyDataset(root=root, size=32, queries_per_place=3)

    def train(self):
        table = self.inner.train()
        photos = np.arange(len(table)).reshape(-1, 3)
        places = table.pairs[photos[:, 0], 1]
        columns = {"yaw_rad": table.columns["yaw_rad"][photos[:, 0]]}
        return PairTable(
            {**table.views, "winter": table.references},
            np.stack([photos[:, 0], places, places], axis=1),
            columns=columns,
            alternatives={"query": photos},
        )

    def evaluations(self):
        return self.inner.evaluations()


class Winter:
    """Ever more often the tile is half the winter's."""

    joint = True

    def __call__(self, images, rng, context):
        share = 0.5 if rng.random() < context.progress else 0.0
        context.report("winter", share)
        mixed = (1 - share) * images["reference"] + share * images["winter"][:, ::-1]
        return images | {"reference": mixed.astype(np.uint8)}


class Turn:
    joint = True

    def __call__(self, images, rng, context):
        quarters = int(rng.integers(0, 4)) * (rng.random() < context.progress)
        context.report("turn_rad", quarters * np.pi / 2)
        return images | {"reference": np.rot90(images["reference"], quarters)}


class Shift:
    def __call__(self, image, rng, context):
        columns = context.row % 3 + int(context.epoch > 1)
        context.report("columns", columns)
        return np.roll(image, columns, axis=1)


class Heading(torch.nn.Module):
    requires_columns = ("yaw_rad",)

    def prepare(self, embed_dim, pairs):
        self.head = torch.nn.Linear(2 * embed_dim, 2)

    def forward(self, embedded):
        batch = embedded.batch
        sense = np.where(batch.applied["flip"] > 0, -1, 1)
        yaw = sense * batch.column("yaw_rad") - batch.applied["turn_rad"]
        yaw = yaw + 0.01 * batch.applied["query.columns"] + 0.01 * batch.shown["query"]
        wanted = torch.from_numpy(np.stack([np.cos(yaw), np.sin(yaw)], axis=1)).float()
        found = self.head(torch.cat([embedded.query, embedded.reference], dim=1))
        return (1 + batch.progress) * (found - wanted).square().mean()


class Ramp:
    def wants_bank(self, epoch):
        return None

    def plan(self, epoch, pairs, bank, *, batch_size, seed, epochs):
        batches = plan_batches(pairs.pairs[:, :2], None, batch_size, seed=(seed, epoch))
        return BatchPlan(batches, epoch, seed, "ramp", {"share": (epoch + 1) / epochs})


@hookimpl
def georet_datasets():
    yield Component("places", Places, summary="Places with three photos and a winter tile")


@hookimpl
def georet_transforms():
    yield Component("winter", Winter, summary="Mixes in the winter tile")
    yield Component("turn", Turn, summary="Turns the tile")
    yield Component("shift", Shift, summary="Shifts by row and epoch")


@hookimpl
def georet_losses():
    yield Component("heading", Heading, summary="The angle between photo and tile")


@hookimpl
def georet_samplers():
    yield Component("ramp", Ramp, summary="Chance, and how much of the run is done")
