"""What a component's factory may be told of the run that it is built for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from georet.config import ComponentSpec

CONTEXT = "context"
"""The parameter by which a factory asks for a ``BuildContext``; it is no option."""


class Components(Protocol):
    """The catalogue, as a factory may use it."""

    def create(
        self,
        kind: str,
        spec: ComponentSpec | Mapping[str, Any] | str,
        *,
        where: str = "",
        context: BuildContext | None = None,
    ) -> Any:
        """Check the options in ``spec`` and make the component; errors are at ``where``."""


@dataclass(frozen=True)
class BuildContext:
    """What a factory with a parameter ``context`` is given; to be read while building, not kept.

    ``catalog`` makes other components. ``sizes`` are height and width in pixels by view, empty
    where no configuration is known (a command that only searches); ``views`` the names of the
    views that the component will meet. ``run_dir`` is the run's folder, None where nothing is
    trained or the run is not on disk yet. ``seed`` is the run's. ``where`` is the place in the
    configuration of the component that is being built.
    """

    catalog: Components
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    run_dir: Path | None = None
    views: tuple[str, ...] = ()
    seed: int = 0
    where: str = ""

    def create(self, kind: str, spec: ComponentSpec | Mapping[str, Any] | str, key: str) -> Any:
        """Make the component that stands in this one's option ``key``, with the same context.

        Errors name the whole place, ``dataset.inner.size``.
        """
        where = f"{self.where}.{key}" if self.where else key
        return self.catalog.create(kind, spec, where=where, context=self.at(where))

    def at(self, where: str) -> BuildContext:
        """Return the same for another place in the configuration."""
        return replace(self, where=where)
