"""The re-rankers: a vision model orders all candidates at once, or two at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from georet.cache import cache_dir
from georet.contracts.searching import RerankContext, Reranked
from georet.types import Ints
from georet_vici.asking import Asker
from georet_vici.chat import Host
from georet_vici.questions import best_in, jpeg_of, order_body, order_in, pair_body
from georet_vici.spending import Purse

Count = Annotated[int, Field(ge=1)]
Top = Annotated[int, Field(ge=2, le=20)]
Money = Annotated[float, Field(ge=0)]
_DISAGREED = "the answers disagree, the order is kept"


class Settings(BaseModel):
    """Who is asked, what is sent, and what it may cost; see ``VisionModel``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    model: str
    key_env: str = ""
    candidates: Top = 10
    px: Annotated[int, Field(ge=32, le=2048)] = 512
    keep_on_disagreement: bool = True
    max_tokens: Count = 1024
    max_requests: Count = 1000
    max_total_tokens: Count = 10_000_000
    max_cost: Money | None = None
    price_in: Money = 0.0
    price_out: Money = 0.0
    retries: Annotated[int, Field(ge=0, le=5)] = 2
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 60.0
    plain_http: bool = False
    cache: bool = True
    cache_dir: Path | None = None


class ListSettings(Settings):
    """The same, and which order is taken: the model's, or that of the sum of both ranks."""

    order: Literal["model", "sum"] = "model"


class VisionModel:
    """A vision model behind OpenAI's chat API at ``url`` (up to ``/v1``), and what it may cost.

    Sent are the photo and at most ``candidates`` tiles as JPEG, at most ``px`` pixels a side, and
    nothing else: no names, positions or metadata. ``key_env`` names the variable of the environment
    that holds a key. Limits of one process: ``max_requests``, ``max_total_tokens``, and
    ``max_cost`` by the prices of a million tokens, ``price_in`` and ``price_out``; of one answer:
    ``max_tokens`` and ``timeout_s``; what is no answer is asked for again ``retries`` times.
    Answers are kept below ``cache_dir`` (by default ``vici`` in georet's cache) unless ``cache`` is
    false. Whatever fails leaves the candidates as they were. With ``keep_on_disagreement``
    everything is asked twice, the tiles in another order, and answers that contradict each other
    change nothing.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings, self.max_candidates = settings, settings.candidates
        what = (
            f"vici: sends each photo and up to {settings.candidates} of its best tiles (JPEG, at "
            f"most {settings.px} pixels a side, no names, no places) to {settings.url}"
        )
        purse = Purse(
            settings.max_requests,
            settings.max_total_tokens,
            settings.max_tokens,
            settings.max_cost,
            settings.price_in,
            settings.price_out,
        )
        host = Host(settings.url, settings.key_env, settings.timeout_s, settings.plain_http)
        cache = (settings.cache_dir or usual_cache()) if settings.cache else None
        self.asker = Asker(host, purse, what, settings.retries, cache)

    def pictures(self, context: RerankContext) -> tuple[bytes, list[bytes]]:
        """Return the photo and the candidates as they are sent."""
        tiles = [jpeg_of(tile.patch.image, self.settings.px) for tile in context.tiles]
        return jpeg_of(context.pixels, self.settings.px), tiles


class Listwise(VisionModel):
    """All candidates in one question, as VICI asks (arXiv 2507.04107); see ``VisionModel``.

    ``order: model`` takes the model's order, ``sum`` that of the sum of the model's ranks and the
    retrieval's. Two answers agree where they name the same candidate first and the same two next;
    by chance one of 360 pairs of answers on ten candidates does, one of 60 on six.
    """

    def __init__(self, settings: ListSettings) -> None:
        super().__init__(settings)
        self.order = settings.order

    def __call__(self, _: Path, candidates: Sequence[Path], context: RerankContext) -> Reranked:
        """Return the order of the candidates; DataError where the model gives none."""
        num = len(candidates)
        if num < 2:
            return Reranked(None, reason="nothing to order")
        photo, tiles = self.pictures(context)
        shown = _mixed(photo, num)
        first, reason = self._asked(photo, tiles, shown)
        ranks = np.argsort(first)
        if self.settings.keep_on_disagreement:
            second = self._asked(photo, tiles, shown[::-1])[0]
            if first[0] != second[0] or set(first[:3].tolist()) != set(second[:3].tolist()):
                return Reranked(None, reason=_DISAGREED)
            ranks = ranks + np.argsort(second)
        asks = 1 + self.settings.keep_on_disagreement
        total = ranks if self.order == "model" else ranks + asks * np.arange(num)
        order = np.lexsort((np.arange(num), np.argsort(first), total))
        return Reranked(order.astype(np.int64), -ranks.astype(np.float32), reason)

    def _asked(self, photo: bytes, tiles: Sequence[bytes], shown: Ints) -> tuple[Ints, str]:
        """Return the candidates, best first, of tiles that are shown in the order ``shown``."""
        body = order_body(
            self.settings.model, self.settings.max_tokens, photo, [tiles[at] for at in shown]
        )
        places, reason = self.asker.ask(body, lambda text: order_in(text, len(shown)))
        return shown[places], reason


class Pairwise(VisionModel):
    """Two candidates in one question; see ``VisionModel``. Only who comes first may change.

    The best candidate so far meets each of the others, nearest first, and gives way to a better
    one. With ``keep_on_disagreement`` each pair is asked both ways round and a contradiction counts
    for nobody; a new first must in the end have won against all others, both ways round.
    """

    def __call__(self, _: Path, candidates: Sequence[Path], context: RerankContext) -> Reranked:
        """Return the order of the candidates; DataError where the model gives none."""
        num = len(candidates)
        if num < 2:
            return Reranked(None, reason="nothing to order")
        photo, tiles = self.pictures(context)
        best, beaten, reason = 0, set[int](), ""
        for other in range(1, num):
            winner, why = self._winner(photo, tiles, best, other)
            if winner == other:
                best, beaten, reason = other, {best}, why
            elif winner == best:
                beaten.add(other)
        if best == 0:
            return Reranked(None, reason="the first candidate stays")
        if self.settings.keep_on_disagreement:
            unmet = [other for other in range(num) if other not in (best, *beaten)]
            if any(self._winner(photo, tiles, best, other)[0] != best for other in unmet):
                return Reranked(None, reason=_DISAGREED)
        order = np.array([best, *(at for at in range(num) if at != best)], np.int64)
        return Reranked(order, reason=reason)

    def _winner(
        self, photo: bytes, tiles: Sequence[bytes], first: int, second: int
    ) -> tuple[int | None, str]:
        """Return which of two candidates is preferred, None where the answers contradict."""
        found, reason = self._asked(photo, tiles, first, second)
        if (
            self.settings.keep_on_disagreement
            and self._asked(photo, tiles, second, first)[0] != found
        ):
            return None, ""
        return found, reason

    def _asked(
        self, photo: bytes, tiles: Sequence[bytes], first: int, second: int
    ) -> tuple[int, str]:
        body = pair_body(
            self.settings.model, self.settings.max_tokens, photo, [tiles[first], tiles[second]]
        )
        place, reason = self.asker.ask(body, best_in)
        return (first, second)[place], reason


def usual_cache() -> Path:
    """Return the folder where answers are kept unless another one is named."""
    return cache_dir() / "vici"


def _mixed(photo: bytes, num: int) -> Ints:
    """Return an order int64[num] to show tiles in, which the photo alone decides.

    Models prefer what they see first; so that this doesn't favour the retrieval's order.
    """
    seed = int.from_bytes(hashlib.sha256(photo).digest()[:8], "little")
    return np.random.default_rng(seed).permutation(num)
