"""What an exporter is asked for: which views, in which size, how precise, for which batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args, runtime_checkable

from georet.errors import UsageError
from georet.identity import EncoderIdentity
from georet.types import Pixels

if TYPE_CHECKING:
    from georet.encoder import Encoder

Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
DEFAULT_BATCH = (1, 32, 128)


@dataclass(frozen=True)
class ExportSpec:
    """One artefact to be written: one branch of the encoder, for images of one size.

    ``identities`` describe the encoder for each view that the artefact embeds (one, or several
    that share branch and size). ``batch`` are the smallest, the usual and the largest number of
    images at once. ``targets`` are GPU architectures (``sm86``) for compilers that want them.
    ``calibration(n)`` returns at most n real images uint8[N, H, W, 3] of these views.
    ``origin`` says where the weights come from (run, checkpoint, plugins), as JSON values.
    """

    identities: Mapping[str, EncoderIdentity]
    precision: Precision = "fp32"
    batch: tuple[int, int, int] = DEFAULT_BATCH
    targets: tuple[str, ...] = ()
    calibration: Callable[[int], Pixels] | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UsageError(
                f"no precision {self.precision!r}",
                where="--precision",
                hint=f"One of {', '.join(PRECISIONS)}",
            )
        smallest, usual, largest = self.batch
        if not 1 <= smallest <= usual <= largest:
            raise UsageError(
                f"batch {self.batch} does not ascend from 1",
                where="--batch",
                hint="Smallest, usual and largest number of images, for example 1,32,128",
            )
        if len({identity.size for identity in self.identities.values()}) != 1:
            raise UsageError(f"one artefact can't embed all of {', '.join(self.identities)}")

    @property
    def view(self) -> str:
        """The first of the views; it names the branch."""
        return next(iter(self.identities))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images in pixels."""
        return self.identities[self.view].size

    @property
    def embed_dim(self) -> int:
        """D."""
        return self.identities[self.view].embed_dim


@runtime_checkable
class Exporter(Protocol):
    """Writes one branch of an encoder as files that another runtime executes.

    A further method ``check(encoder, sizes: {view: (height, width)})`` is optional: it raises a
    georet error where the encoder can't be written, and is asked before a training, so it should
    take a second or two, leave the encoder as it is and write nothing.
    """

    def export(self, encoder: Encoder, spec: ExportSpec, out: Path) -> Path:
        """Write the artefact as the folder ``out``, which does not exist yet, and return it.

        The branch is ``encoder.branch(spec.view)``; the encoder must stay as it is. With a
        manifest ``artefact.json`` the artefact is compared with torch, and back ends open it.
        """
