"""The check for executors passes good ones and tells what is wrong with others."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import pytest

from georet.contracts.making import Build
from georet.gallery.making.executors import Local
from georet.testing import check_executor


def test_the_local_executor_passes() -> None:
    check_executor(Local())


class Forgetful:
    """Makes the first half and goes home."""

    def run(self, build: Build) -> None:
        with build.opened() as opened, closing(opened.maker()) as maker:
            for shard in range(opened.num_shards // 2):
                maker.make(shard)


class Eager:
    """Makes all shards in whatever state they are, by removing them first."""

    def run(self, build: Build) -> None:
        def make(shards: Sequence[int], tick: object) -> list[int]:
            return [shard for shard in range(opened.num_shards) if maker.make(shard)]

        for path in (build.folder / "shards").glob("part-*"):
            path.unlink()
        with build.opened() as opened, closing(opened.maker()) as maker:
            opened.finish(make)


@pytest.mark.parametrize(
    ("executor", "said"), [(Forgetful(), "is not sealed"), (Eager(), "made again")]
)
def test_what_is_wrong_is_told(executor: Forgetful | Eager, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check_executor(executor)
