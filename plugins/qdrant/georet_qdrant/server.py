"""A server of Qdrant, by its own client; certificates are checked, and the key is in no message."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from georet.errors import DataError
from georet.extras import need
from georet.types import Floats, Ints
from georet_qdrant.engine import EF, INDEXED, PAGE, Held
from georet_qdrant.filters import Filter

_TIMEOUT_S: Final = 120
_PAUSES_S: Final = (1.0, 3.0, 10.0)
"""Before each further try, where a server was not reached or was too busy."""
_BUSY: Final = (429, 502, 503, 504)
_ANSWERS: Final = 50_000
"""Points that are asked for in one request."""
_MOST_SAID: Final = 300


class Server:
    """The server at an address, spoken to by HTTP; ``key`` is sent with each request, if any."""

    def __init__(self, url: str, key: str = "", *, pauses_s: Sequence[float] = _PAUSES_S) -> None:
        client = need("qdrant_client", extra="qdrant", what="a server of Qdrant")
        self.where, self._key, self._pauses_s = url, key, pauses_s
        self._models: Any = client.models
        self._errors: Any = need("qdrant_client.http.exceptions", extra="qdrant")
        # It warns of a key over HTTP, which was refused before unless it stays on this machine.
        self._client: Any = client.QdrantClient(
            url=url,
            headers={"api-key": key} if key else {},
            timeout=_TIMEOUT_S,
            check_compatibility=False,
        )

    def held(self, collection: str) -> Held | None:
        """Return what there is of a collection, None if nothing."""
        if not self._asked("collection_exists", collection):
            return None
        info = self._asked("get_collection", collection)
        vectors = info.config.params.vectors
        if not hasattr(vectors, "size"):
            raise DataError(
                "has named vectors, so it is none of georet's", where=self._at(collection)
            )
        num = self.count(collection)
        is_dot = vectors.distance == self._models.Distance.DOT
        return Held(int(vectors.size), num, frozenset(info.payload_schema or {}), is_dot)

    def create(self, collection: str, embed_dim: int) -> None:
        """Make a collection for vectors of unit length, compared by their product."""
        params = self._models.VectorParams(size=embed_dim, distance=self._models.Distance.DOT)
        self._asked("create_collection", collection, vectors_config=params)
        self.index_fields(collection)

    def index_fields(self, collection: str) -> None:
        """Index the fields of ``INDEXED`` of a collection without points."""
        models = self._models
        kinds = {
            "geo": models.GeoIndexParams(type="geo"),
            "float": models.FloatIndexParams(type="float", enable_hnsw=False),
            "keyword": models.KeywordIndexParams(type="keyword", enable_hnsw=False),
        }
        for name, kind in INDEXED.items():
            schema = kinds[kind]
            self._asked("create_payload_index", collection, name, field_schema=schema, wait=True)

    def upsert(
        self, collection: str, ids: Ints, vectors: Floats, payloads: Sequence[dict[str, Any]]
    ) -> None:
        """Put points, replacing those of the same ids; on return they survive a kill."""
        points = self._models.Batch(
            ids=ids.tolist(), vectors=vectors.tolist(), payloads=list(payloads)
        )
        self._asked("upsert", collection, points=points, wait=True)

    def ids(self, collection: str, chosen: Filter) -> Iterator[Ints]:
        """Yield the ids of the points that a filter holds, some at a time."""
        wanted, place = self._filter(chosen), None
        while True:
            found, place = self._asked(
                "scroll",
                collection,
                scroll_filter=wanted,
                limit=PAGE,
                offset=place,
                with_payload=False,
                with_vectors=False,
            )
            yield np.array([record.id for record in found], np.int64)
            if place is None:
                return

    def count(self, collection: str, chosen: Filter | None = None) -> int:
        """Return how many points a filter holds."""
        wanted = self._filter(chosen)
        counted = self._asked("count", collection, count_filter=wanted, exact=True)
        return int(counted.count)

    def search(
        self, collection: str, queries: Floats, num: int, chosen: Filter | None, *, exact: bool
    ) -> list[tuple[Ints, Floats]]:
        """Return ids and scores of the ``num`` best points for each query, best first."""
        models, wanted = self._models, self._filter(chosen)
        is_walked = chosen is not None and not exact
        acorn = models.AcornSearchParams(enable=True, max_selectivity=1.0) if is_walked else None
        params = models.SearchParams(hnsw_ef=EF, exact=exact, acorn=acorn)
        step = max(1, _ANSWERS // num)
        answers = []
        for start in range(0, len(queries), step):
            requests = [
                models.QueryRequest(query=query, filter=wanted, params=params, limit=num)
                for query in queries[start : start + step].tolist()
            ]
            answers += self._asked("query_batch_points", collection, requests)
        # Ids that are no numbers belong to no row.
        found = [[p for p in answer.points if isinstance(p.id, int)] for answer in answers]
        return [
            (
                np.array([point.id for point in points], np.int64),
                np.array([point.score for point in points], np.float32),
            )
            for points in found
        ]

    def settle(self, collection: str) -> str:
        """Say whether the server is still at its graph; it builds that by itself."""
        info = self._asked("get_collection", collection)
        if info.status == self._models.CollectionStatus.GREEN:
            return ""
        return "the server still builds its graph: until then searches are right, and slower"

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _filter(self, chosen: Filter | None) -> Any:
        return None if chosen is None else self._models.Filter.model_validate(chosen)

    def _at(self, collection: str) -> str:
        return f"{self.where}, collection {collection}"

    def _asked(self, method: str, *arguments: Any, **options: Any) -> Any:
        """Return what a method of the client does, tried again where a fault may pass by itself."""
        for pause_s in (*self._pauses_s, None):
            try:
                return getattr(self._client, method)(*arguments, **options)
            except self._errors.UnexpectedResponse as error:
                if error.status_code not in _BUSY or pause_s is None:
                    raise self._refused(error) from None
            except (self._errors.ApiException, OSError) as error:
                source = getattr(error, "source", error)
                if pause_s is None or _is_untrusted(source):
                    raise self._unreached(source) from None
            except Exception as error:
                if type(error).__name__ != "ResourceExhaustedResponse" or pause_s is None:
                    raise self._unreached(error) from None
            time.sleep(pause_s)
        raise AssertionError("the last try returns or raises")

    def _refused(self, error: Any) -> DataError:
        try:
            said = json.loads(error.content)["status"]["error"]
        except (ValueError, KeyError, TypeError):
            said = error.content.decode("utf-8", "replace") or error.reason_phrase
        hint = None
        if error.status_code in (401, 403):
            hint = "The key comes from the environment: QDRANT_API_KEY."
        text = f"the server refuses ({error.status_code}): {self._safe(str(said))}"
        return DataError(text, where=self.where, hint=hint)

    def _unreached(self, error: BaseException) -> DataError:
        hint = "Is the server there? What it holds stays; the same command goes on."
        if _is_untrusted(error):
            hint = "Certificates are checked. Of an authority of your own: SSL_CERT_FILE=ca.pem"
        text = self._safe(f"{type(error).__name__}: {error}")
        return DataError(f"no answer: {text}", where=self.where, hint=hint)

    def _safe(self, text: str) -> str:
        """Return one line without the key, should a message repeat it."""
        line = " ".join(text.split())[:_MOST_SAID]
        return line.replace(self._key, "***") if self._key else line


def _is_untrusted(error: BaseException | None) -> bool:
    """Return whether a certificate was refused, in an error or in what it came from."""
    while error is not None:
        if isinstance(error, ssl.SSLError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
