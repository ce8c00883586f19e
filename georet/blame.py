"""Whose fault: what a component raises or returns wrongly is told with plugin, name and line."""

from __future__ import annotations

import math
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from georet.errors import ComponentError, GeoretError, IntegrityError, Interrupted
from georet.patience import patient
from georet.progress import printable

_MARK: Final = "_georet_maker"
PATIENCE_S = 60.0
"""How long a component may be at something before it is said whom georet waits for."""
NEEDED: Final = {
    "backbones": ("__call__", "parameters", "embed_dim", "mean", "std"),
    "losses": ("__call__",),
    "samplers": ("plan", "wants_bank"),
    "datasets": ("train", "evaluations"),
    "transforms": ("__call__",),
    "metrics": ("__call__",),
    "indexes": ("add", "search", "save", "load", "verify"),
    "exporters": ("export",),
    "backends": ("refuses", "open"),
    "rerankers": ("__call__", "max_candidates"),
    "optimizers": ("__call__",),
    "schedules": ("__call__",),
    "aggregators": ("__call__", "parameters"),
    "fits": ("__call__",),
    "executors": ("run",),
    "sources": ("matches", "open"),
    "refiners": ("__call__", "max_candidates"),
    "trackers": ("__call__",),
    "outputs": ("write", "suffixes"),
    "protocols": (
        "id",
        "num_top",
        "needs_positives",
        "needs_latlon",
        "radius_m",
        "evaluate",
        "describe",
    ),
}
"""What a component of each kind must have; ``georet.contracts`` says what it means."""
SERVED: Final = ("attach", "search", "search_in")
"""What an index has instead whose rows a server keeps; ``georet.search.served`` says."""


@dataclass(frozen=True)
class Maker:
    """Who made a component: its kind and id, its plugin in words, the file of its code, options."""

    kind: str
    id: str
    owner: str
    root: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.id!r} of {self.owner}"

    @property
    def as_origin(self) -> str:
        """Return the component's id, with its root folder where it has that option."""
        root = self.options.get("root")
        kind = self.kind.replace("datasets", "the data set")
        return f"{kind} {self.id!r}" + (f" (root: {root})" if root else "")

    def broke(self, what: str, hint: str = "") -> ComponentError:
        """Return the error for a component that doesn't keep to its contract."""
        return ComponentError(what, where=str(self), hint=hint or None)


UNKNOWN: Final = Maker("component", "made by hand", "no plugin")


def mark(made: Any, maker: Maker) -> None:
    """Remember who made a component, on the component, so that it travels with it."""
    try:
        # Past a frozen dataclass, and into no state dict of torch.
        object.__setattr__(made, _MARK, maker)
    except (AttributeError, TypeError):
        return  # slots: its faults are told without its name


def maker_of(made: object) -> Maker:
    """Return who made a component; ``UNKNOWN`` for what no catalogue made."""
    found = getattr(made, _MARK, None)
    return found if isinstance(found, Maker) else UNKNOWN


def check_made(made: object, maker: Maker) -> None:
    """Raise ComponentError where a factory returned something else than its kind of component."""
    is_served = maker.kind == "indexes" and hasattr(made, "attach")
    needed = SERVED if is_served else NEEDED.get(maker.kind, ())
    lacking = [name for name in needed if not hasattr(made, name)]
    if lacking:
        raise maker.broke(
            f"its factory returned {_short(made)}, which has no {', '.join(lacking)}",
            "docs/plugins.md says what each kind of component must do.",
        )


@contextmanager
def blaming(
    made: object, doing: str, *, also: str = "", patience_s: float | None = None
) -> Iterator[None]:
    """Tell what is raised inside as the fault of a component (or of its ``Maker``).

    ``doing`` says what it was asked for (``plan()``). georet's own errors keep their kind and get
    the component's name; Ctrl-C passes. What takes longer than ``patience_s``, by default
    ``PATIENCE_S``, is said on stderr.
    """
    maker = made if isinstance(made, Maker) else maker_of(made)
    waiting: AbstractContextManager[None] = nullcontext()
    if maker is not UNKNOWN and patience_s != math.inf:
        limit_s = PATIENCE_S if patience_s is None else min(patience_s, PATIENCE_S)
        waiting = patient(printable(f"{doing}: {maker}"), limit_s)
    try:
        with waiting:
            yield
    except (Interrupted, IntegrityError):
        raise
    except GeoretError as error:
        # One of a plugin's own kind may be made otherwise, and says itself what there is to say.
        is_own = type(error).__module__ == GeoretError.__module__
        if maker is UNKNOWN or maker.id in str(error) or not is_own:
            raise
        where = f"{error.where} ({maker})" if error.where else str(maker)
        raise type(error)(error.what, where=where, hint=error.hint) from error
    except (Exception, SystemExit) as error:
        if maker is UNKNOWN and not isinstance(error, SystemExit):
            raise
        raise ComponentError(
            f"{doing} {_ending(error)}{line_of(error, maker.root)}",
            where=str(maker),
            hint=also or "GEORET_DEBUG=1 shows the traceback.",
        ) from error


def root_of(target: Path | str) -> str | None:
    """Return the file of a plugin's code or the folder of its package, None while not imported."""
    module = None if isinstance(target, Path) else sys.modules.get(target.partition(":")[0])
    file = target if isinstance(target, Path) else getattr(module, "__file__", None)
    if file is None:
        return None
    return str(Path(file).parent if Path(file).name == "__init__.py" else file)


def line_of(error: BaseException, root: str | None) -> str:
    """Return `` (file:line, code)`` of the last line that ran in a plugin's own code, or nothing.

    ``root`` is the plugin's file, or the folder of its package.
    """
    if root is None:
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if f.filename == root or Path(root) in Path(f.filename).parents]
    if not own:
        return ""
    code = f", `{own[-1].line}`" if own[-1].line else ""
    return f" ({own[-1].filename}:{own[-1].lineno}{code})"


def _ending(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"called sys.exit({error.code!r})"
    return (
        f"raised {type(error).__name__}: {error}"
        if str(error)
        else f"raised {type(error).__name__}"
    )


def _short(value: object) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text[:60]}" if len(text) <= 60 else f"a {type(value).__name__}"
