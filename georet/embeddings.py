"""What every encoder must return, whatever executes it: checked once, for all who embed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import numpy as np

from georet.blame import UNKNOWN, blaming, maker_of
from georet.errors import ComponentError, DataError, GeoretError
from georet.types import Bools, Floats, Pixels

if TYPE_CHECKING:
    from georet.contracts.running import Session

MOST_DEVIATION: Final = 1e-2
"""By how much an embedding's length may differ from 1: what half precision brings, and more."""
SAME: Final = 0.02
"""By how much the cosine of one image's embeddings in two batches may differ from 1."""
_PROBED: Final = "_georet_probed"


def embed(session: Session, images: Pixels) -> Floats:
    """Return unit-length embeddings float32[B, D] of uint8[B, H, W, 3], one a picture, checked.

    ComponentError names a back end that raises, DataError one that returns something else: other
    rows or columns, what is no number or not finite, lengths other than 1, or rows in another order
    than the images. The array is the caller's own: a session may use its buffer again.
    """
    return all_good(session, *embed_some(session, images))


def all_good(session: Session, rows: Floats, is_good: Bools) -> Floats:
    """Return embeddings float32[B, D]; DataError where one is not of unit length, bool[B]."""
    if not is_good.all():
        raise DataError(
            f"{int((~is_good).sum())} of {len(rows)} embeddings are not finite or not of unit "
            f"length, the first is that of image {int(np.flatnonzero(~is_good)[0])}",
            where=_name(session),
            hint="The encoder or its conversion is broken, or the image has no content: try the "
            "run itself (torch, fp32), and look at the image.",
        )
    return rows


def embed_some(session: Session, images: Pixels) -> tuple[Floats, Bools]:
    """Return embeddings float32[B, D] as ``embed``, and which are of unit length, bool[B].

    For callers that may leave out single images.
    """
    rows = _checked(_executed(session, images), len(images), session)
    is_good = is_unit_length(rows)
    _probe(session, images, rows, is_good)
    return rows, is_good


def embed_stream(session: Session, batches: Iterable[Pixels]) -> Iterator[tuple[Floats, Bools]]:
    """Yield for each batch uint8[B, H, W, 3] what ``embed_some`` returns, in order.

    A session with ``embed_stream`` works on several batches at once: it takes up to ``held_by`` of
    them before it yields the first, and each must stay as it is until its embeddings come. Others
    embed one by one.
    """
    streaming = getattr(session, "embed_stream", None)
    if streaming is None:
        yield from (embed_some(session, images) for images in batches)
        return
    taken: deque[Pixels] = deque()

    def shown() -> Iterator[Pixels]:
        for images in batches:
            taken.append(images)
            if len(images):
                yield images

    results = _named(session, streaming(shown()))
    while True:
        found = next(results, None)
        if found is None and any(map(len, taken)):
            raise _unequal(session, "fewer")
        while taken and not len(taken[0]):
            yield np.empty((0, session.identity.embed_dim), np.float32), np.empty(0, bool)
            taken.popleft()
        if found is None:
            return
        if not taken:
            raise _unequal(session, "more")
        images = taken[0]
        rows = _checked(found, len(images), session)
        is_good = is_unit_length(rows)
        _probe(session, images, rows, is_good)
        yield rows, is_good
        taken.popleft()


def held_by(session: Session) -> int:
    """Return how many batches a session may take before it yields the embeddings of the first."""
    return max(1, int(getattr(session, "held", 1))) if hasattr(session, "embed_stream") else 1


def is_unit_length(rows: Floats) -> Bools:
    """Return bool[B]: rows float32[B, D] are finite and of length 1 within ``MOST_DEVIATION``."""
    with np.errstate(all="ignore"):
        length = np.linalg.norm(rows.astype(np.float64), axis=1)
    return np.asarray(np.abs(length - 1) <= MOST_DEVIATION)


def _executed(session: Session, images: Pixels) -> object:
    """Return what the session returns; ComponentError names the back end that raises."""
    try:
        with blaming(session, "embed()"):
            return session.embed(images)
    except GeoretError:
        raise
    except Exception as error:
        raise _raised(session, error) from error


def _named(session: Session, results: Iterable[object]) -> Iterator[object]:
    """Yield the results of a stream; ComponentError names the back end that raises."""
    try:
        yield from results
    except GeoretError:
        raise
    except Exception as error:
        raise _raised(session, error) from error


def _unequal(session: Session, how: str) -> DataError:
    what = f"yielded {how} embeddings than it was given batches"
    return DataError(what, where=_name(session), hint="embed_stream yields one array a batch.")


def _raised(session: Session, error: Exception) -> ComponentError:
    return ComponentError(
        f"raised {type(error).__name__}: {error}",
        where=_name(session),
        hint="Use another --backend, or the run itself; GEORET_DEBUG=1 shows the traceback.",
    )


def _checked(found: object, num: int, session: Session) -> Floats:
    where, wanted = _name(session), (num, session.identity.embed_dim)
    if not isinstance(found, np.ndarray):
        raise DataError(f"returned a {type(found).__name__}, not an array", where=where)
    if found.shape != wanted:
        raise DataError(
            f"returned an array {list(found.shape)} for {num} images, wanted {list(wanted)}",
            where=where,
            hint="Every image must get one embedding, in the order of the images.",
        )
    if found.dtype.kind != "f":
        raise DataError(f"returned {found.dtype}, wanted float32", where=where)
    return np.array(found, dtype=np.float32, order="C")


def _probe(session: Session, images: Pixels, rows: Floats, is_good: Bools) -> None:
    """Embed one image of a session's first batch alone: it must get the embedding it got there.

    A back end that mixes rows up, or gives all images one embedding, can't be told from its
    output otherwise, and every tile would be found somewhere else.
    """
    if len(rows) < 2 or not is_good[-1] or getattr(session, _PROBED, False):
        return
    alone = _checked(_executed(session, images[-1:]), 1, session)[0]
    if not float(alone @ rows[-1]) >= 1 - SAME:
        raise DataError(
            f"gave the last of {len(rows)} images another embedding than the same image alone "
            f"(cosine {float(alone @ rows[-1]):.3f})",
            where=_name(session),
            hint="It mixes up the rows of a batch; use another back end.",
        )
    with suppress(AttributeError, TypeError):
        object.__setattr__(session, _PROBED, True)


def _name(session: Session) -> str:
    maker, name = maker_of(session), f"back end {session.identity.backend!r}"
    return name if maker is UNKNOWN else f"{name} ({maker})"
