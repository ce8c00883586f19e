"""Ray, started for one build or joined, and what it has to give."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

from georet.errors import DataError
from georet.extras import need

_STORE_BYTES: Final = 80 << 20
"""What passes between processes are numbers."""
_LOCALLY: Final = "Without --executor the build runs on this machine."


class Cluster:
    """Ray while entered; what was started here is ended, what was joined is left as it is."""

    def __init__(self, address: str | None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        self.ray: Any = need("ray", extra="ray", what="the executor ray")
        self._address, self._folder = address, ""

    def __enter__(self) -> Self:
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            if self._address is not None:
                self.ray.init(address=self._address, log_to_driver=False)
            else:
                # Sockets lie in it, whose paths must be short.
                self._folder = tempfile.mkdtemp(prefix="georet-ray-")
                self.ray.init(
                    num_cpus=len(os.sched_getaffinity(0)),
                    include_dashboard=False,
                    log_to_driver=False,
                    object_store_memory=_STORE_BYTES,
                    _temp_dir=self._folder,
                )
        except (ConnectionError, RuntimeError, OSError, ValueError, TimeoutError) as error:
            self.__exit__(None, None, None)
            first = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise DataError(
                f"Ray can't be {'reached' if self._address else 'started'}: {first}",
                where=self._address,
                hint=_LOCALLY,
            ) from error
        if threading.current_thread() is threading.main_thread():
            # Ray's own would end this process in the middle of things.
            for number, handler in handlers.items():
                signal.signal(number, handler)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.ray.shutdown()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def check(self, wanted: Mapping[str, float]) -> None:
        """Raise DataError where no node has what an actor wants: Ray would wait for ever."""
        nodes = self._nodes()
        if not any(_fits(wanted, node) for node in nodes):
            largest = ", ".join(
                f"{max((node.get(name, 0) for node in nodes), default=0):g} {name}s"
                for name in wanted
            )
            raise DataError(
                f"an actor wants {in_words(wanted)}, no node has so much (at most {largest})",
                where=self._address or "Ray on this machine",
                hint=f"--executor 'ray?cpus=1&gpus=0' asks for less. {_LOCALLY}",
            )

    def room_for(self, wanted: Mapping[str, float]) -> int:
        """Return how many actors the nodes have room for, if nobody else is there."""
        each = [
            min((int(node.get(n, 0) / v) for n, v in wanted.items() if v > 0), default=1)
            for node in self._nodes()
        ]
        return max(1, sum(each))

    def starved(self, wanted: Mapping[str, float], seconds: float, what: str) -> DataError:
        """Return the error for actors that Ray does not start."""
        total, free = self.ray.cluster_resources(), self.ray.available_resources()
        have = ", ".join(f"{free.get(n, 0):g} of {total.get(n, 0):g} {n}s free" for n in wanted)
        waiting = self._waiting()
        return DataError(
            f"{what} for {seconds:.0f} s: each wants {in_words(wanted)}, Ray has {have}"
            + (f"; waiting: {waiting}" if waiting else ""),
            where=self._address or "Ray on this machine",
            hint=f"What is done is kept. Free the cluster, or ask for less. {_LOCALLY}",
        )

    def _nodes(self) -> list[dict[str, float]]:
        return [node["Resources"] for node in self.ray.nodes() if node["Alive"]]

    def _waiting(self) -> str:
        """Return what Ray says is waiting; nothing where this version doesn't tell."""
        try:
            from ray.autoscaler.v2.sdk import get_cluster_status

            status = get_cluster_status(self.ray.get_runtime_context().gcs_address)
            demands = status.resource_demands.ray_task_actor_demand
            bundles = [(b.bundle, b.count) for d in demands for b in d.bundles_by_count]
            return ", ".join(f"{count} x {in_words(bundle)}" for bundle, count in bundles)
        except Exception:  # half public, so it may be gone or look different
            return ""


def in_words(wanted: Mapping[str, float]) -> str:
    """Return ``1 CPU and 0.5 GPU``; what is 0 is left out."""
    return " and ".join(f"{value:g} {name}" for name, value in wanted.items() if value) or "nothing"


def _fits(wanted: Mapping[str, float], node: Mapping[str, float]) -> bool:
    return all(node.get(name, 0) >= value for name, value in wanted.items())
