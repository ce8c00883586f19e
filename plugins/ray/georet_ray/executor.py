"""The executor `ray`: actors that make shards, watched so that nobody waits without a word."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

from pydantic import Field

from georet.contracts.making import Build
from georet_ray.cluster import Cluster
from georet_ray.crew import Crew


class RayExecutor:
    """Has shards made by Ray actors, each with one encoder; the object store carries no pixels.

    ``address`` is a running cluster's (``auto`` or host:port); without one Ray is started here and
    ended afterwards. Each of ``actors`` (by default as many as fit) takes ``cpus`` and ``gpus`` of
    a node, fractions too; by default a CPU, one more for each process that reads (``--workers``),
    and a GPU if the encoder computes on one. All nodes must see source, encoder and gallery under
    the same paths. Where no actor can be started for ``patience_s`` seconds the build ends with a
    message that says what is free.
    """

    def __init__(
        self,
        *,
        address: str | None = None,
        actors: Annotated[int, Field(ge=1)] | None = None,
        cpus: Annotated[float, Field(ge=0)] | None = None,
        gpus: Annotated[float, Field(ge=0)] | None = None,
        patience_s: Annotated[float, Field(gt=0)] = 45.0,
    ) -> None:
        self.address, self.actors = address, actors
        self.cpus, self.gpus, self.patience_s = cpus, gpus, patience_s

    def run(self, build: Build, /) -> None:
        """Make all shards of the call's share."""
        with build.opened() as opened, ExitStack() as stack:
            decoders = build.workers or 0
            needs_gpu = "cuda" in opened.session.identity.backend
            wanted = {
                "CPU": 1.0 + decoders if self.cpus is None else self.cpus,
                "GPU": float(needs_gpu) if self.gpus is None else self.gpus,
            }
            cluster = stack.enter_context(Cluster(self.address))
            cluster.check(wanted)
            num = self.actors or cluster.room_for(wanted)
            crew = Crew(cluster, opened.maker, wanted, decoders, num, self.patience_s)
            stack.callback(crew.close)
            opened.finish(crew.make)
