"""``Gallery``: building, opening, searching and locating, in one class for callers from Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

from georet.contracts.running import Session
from georet.contracts.searching import Searchable
from georet.errors import DataError, UsageError
from georet.gallery.encoders import open_encoder
from georet.gallery.files.writing import SHARD_SIZE, write_gallery
from georet.gallery.indexes import open_index
from georet.gallery.stored import StoredGallery
from georet.identity import EncoderIdentity
from georet.plugins import Selection
from georet.sessions import AUTO, SessionSpec
from georet.tiles.table import TileSource, TileTable
from georet.types import QUERY, REFERENCE, Floats, Ints, Pixels

if TYPE_CHECKING:
    from georet.flights.flying import Flight
    from georet.gallery.making.settings import BuildOptions
    from georet.gallery.making.shards import SessionOpener
    from georet.ground.region import Region
    from georet.locate import Location, Locator, Prior
    from georet.photos.camera.cameras import CameraOptions
    from georet.tracks.points import TrackPoint


class Gallery(StoredGallery):
    """R tiles with their embeddings, thumbnails, indexes and calibration, in one folder.

    ``manifest`` is the content of ``gallery.json``. Rows 0..R-1 are the readable tiles in the
    order of the plan; every method means those.
    """

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        super().__init__(path, manifest)
        self._locators: dict[str, Locator] = {}

    @classmethod
    def build(
        cls,
        source: str | Path | TileSource,
        encoder: Path | str | SessionOpener,
        out: Path | str,
        **options: Unpack[BuildOptions],
    ) -> Self:
        """Cut a source into tiles, embed them, and open the gallery; as ``build_gallery``.

        ``encoder`` is the folder of a run or of an exported artefact, ``timm:MODEL?...``, or a
        ``SessionSpec`` for the reference view, which says more. The options are the fields of
        ``BuildSettings``.
        """
        from georet.gallery.making.build import build_gallery
        from georet.pretrained.making import run_folder

        if isinstance(encoder, str | Path):
            encoder = SessionSpec(run_folder(encoder), view=REFERENCE)
        build_gallery(source, encoder, Path(out), **options)
        return cls.open(out)

    @classmethod
    def from_arrays(
        cls,
        path: Path | str,
        tiles: TileTable,
        embeddings: Floats,
        encoder: EncoderIdentity,
        thumbnails: Sequence[bytes | None] | None = None,
        storage: str = "fp32",
        *,
        shard_size: int = SHARD_SIZE,
        encoder_source: SessionSpec | None = None,
    ) -> Self:
        """Write embeddings float32[R, D] of unit length as a gallery, and open it.

        ``thumbnails`` are R JPEGs (None where there is none); ``encoder_source`` is where
        ``session`` finds the encoder later.
        """

        _check_one_each(len(tiles), embeddings, thumbnails)

        def rows_of(rows: Ints) -> tuple[Floats, list[bytes | None] | None]:
            pictures = None if thumbnails is None else [thumbnails[row] for row in rows]
            return embeddings[rows], pictures

        write_gallery(
            Path(path),
            tiles,
            rows_of,
            encoder=encoder,
            source={"kind": "arrays"},
            storage=storage,
            shard_size=shard_size,
            encoder_source=None if encoder_source is None else encoder_source.as_json(),
        )
        return cls.open(path)

    def session(
        self,
        view: str = QUERY,
        *,
        source: Path | None = None,
        backend: str = AUTO,
        plugins: Sequence[str] | None = None,
        blocked: Sequence[str] = (),
    ) -> Session:
        """Open the encoder recorded at the build, or another; UsageError if not comparable."""
        return open_encoder(
            self,
            view,
            source=source,
            backend=backend,
            selection=Selection.of(plugins, blocked),
        )

    def index(self, name: str = "exact", *, plugins: Sequence[str] | None = None) -> Searchable:
        """Return an index over all rows: loaded if it was kept and verifies, else made and kept."""
        return open_index(self, name, selection=Selection.of(plugins))

    def plot(self, axes: Any = None, values: Floats | None = None) -> Any:
        """Draw the tiles on matplotlib axes, coloured by values [R] if given; return the axes.

        ``values`` may be a location's ``heat``. MissingExtraError without matplotlib (extra
        ``plot``).
        """
        from georet.page.drawn import axes_for, draw_tiles

        return draw_tiles(axes_for(axes), self.tiles.corners_latlon, values)

    def _repr_html_(self) -> str:
        from georet.page.cards import card, tiles_map
        from georet.page.readable import count, metres

        latlon, side_m = self.centres
        facts = {
            "tiles": count(len(self)),
            "side": metres(float(sorted(side_m)[len(self) // 2])) if len(self) else "",
            "encoder": f"{self.encoder.embed_dim} dimensions",
            "storage": self.manifest["settings"]["storage"],
            "folder": self.path,
        }
        return card(self.path.name, facts, *([tiles_map(latlon)] if len(self) else []))

    def locate(
        self,
        images: Sequence[Path | str | Pixels],
        k: int = 5,
        region: Region | None = None,
        *,
        prior: Prior | Sequence[Prior | None] | None = None,
        fuse: bool = False,
        index: str = "exact",
    ) -> list[Location]:
        """Return where each photo was taken, with ``k`` candidates, by the recorded encoder.

        Photos are files or uint8[H, W, 3], RGB. Raises DataError for an unreadable photo, and
        UsageError where the encoder is not the gallery's.

        The arguments are those of ``georet.locate.Locator``, which is kept for the next call; make
        one yourself for another encoder, calibration or re-ranker.
        """
        from georet.locate import Locator

        if isinstance(images, str | Path):
            raise UsageError(
                f"{str(images)!r} is one photo, wanted is a list", where="images", hint="[photo]"
            )
        if index not in self._locators:
            self._locators[index] = Locator(self, self.session(), index=index)
        photos = [Path(image) if isinstance(image, str) else image for image in images]
        locator = self._locators[index]
        return locator.locate(photos, k=k, region=region, prior=prior, fuse=fuse)

    def track(
        self,
        films: Sequence[Path | str] | Path | str,
        *,
        telemetry: Path | str | None = None,
        every: str | None = None,
        refine: str | None = None,
        tracker: str = "grid",
        region: Region | str | None = None,
        live: Callable[[TrackPoint], None] | None = None,
        keep: Path | str | None = None,
        encoder: Path | None = None,
        plugins: Sequence[str] | None = None,
        **camera: Unpack[CameraOptions],
    ) -> Flight:
        """Return where the frames of one flight were taken, located together as by `georet track`.

        ``films`` is a video, or photos or folders of them. The words are those of the command, as
        are the keywords ``heading``, ``height`` (metres), ``tilt``, ``roll``, ``fov``, ``camera``,
        ``rotations`` and ``turns_photos``. With ``live`` each frame is located by those before it
        alone, and given to that function as it comes. ``keep`` names journals, so that a call that
        was stopped goes on. UsageError and DataError as the command raises them.
        """
        from georet.flights.whole import Ask, tracked

        named = [films] if isinstance(films, str | Path) else films
        ask = Ask(
            films=[Path(film) for film in named], telemetry=telemetry, every=every, refine=refine,
            tracker=tracker, region=region, live=live, keep=keep, selection=Selection.of(plugins),
        )  # fmt: skip
        return tracked(self, lambda: self.session(source=encoder, plugins=plugins), ask, camera)


def _check_one_each(
    num: int, embeddings: Floats, thumbnails: Sequence[bytes | None] | None
) -> None:
    """Raise DataError unless each of ``num`` tiles has an embedding and, if any, a picture."""
    for name, column in {"embeddings": embeddings, "thumbnails": thumbnails}.items():
        if column is not None and len(column) != num:
            raise DataError(f"there are {len(column)}, the table has {num} tiles", where=name)
    for row, picture in enumerate(thumbnails or ()):
        if not isinstance(picture, bytes | None):
            raise DataError(
                f"that of row {row} is a {type(picture).__name__}, wanted the bytes of a JPEG",
                where="thumbnails",
            )
