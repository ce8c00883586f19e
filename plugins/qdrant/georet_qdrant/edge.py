"""The engine of Qdrant in this process: a folder for each collection, one process at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakValueDictionary

import numpy as np

from georet.errors import DataError, GeoretError, UsageError
from georet.extras import need
from georet.files import read_json, replaced_folder
from georet.types import Floats, Ints
from georet_qdrant.engine import EF, INDEXED, PAGE, SIDE, Held
from georet_qdrant.filters import GALLERY, PLACE, Filter

FULL_SCAN_KB = 10_000
"""Up to so many vectors that a filter holds, all are compared; it is what servers start with."""
INDEXING_KB: int | None = None
"""From so many vectors on a graph is built; None: what the engine starts with."""
_CONFIG, _VECTOR = "edge_config.json", ""


class Edge:
    """Collections below ``folder``. What ``upsert`` returned from is in the log on disk."""

    _opened: ClassVar[WeakValueDictionary[Path, Edge]] = WeakValueDictionary()

    @classmethod
    def at(cls, folder: Path) -> Edge:
        """Return the engine of a folder, the same one for all callers in this process."""
        path = folder.resolve()
        found = cls._opened.get(path)
        if found is None:
            found = cls._opened[path] = cls(folder)
        return found

    def __init__(self, folder: Path) -> None:
        self.where, self._folder = str(folder), folder
        self._lib: Any = need("qdrant_edge", extra="qdrant", what="Qdrant's engine in a folder")
        self._shards: dict[str, Any] = {}

    def held(self, collection: str) -> Held | None:
        """Return what there is of a collection, None if nothing."""
        path = self._path(collection)
        if not path.is_dir():
            return None
        with self._named(collection):
            vectors = read_json(path / _CONFIG)["vectors"][_VECTOR]
            info = self._shard(collection).info()
        is_dot = vectors["distance"] == "Dot"
        indexed = frozenset(info.payload_schema)
        return Held(int(vectors["size"]), int(info.points_count), indexed, is_dot)

    def create(self, collection: str, embed_dim: int) -> None:
        """Make a collection for vectors of unit length, compared by their product."""
        lib, path = self._lib, self._path(collection)
        params = lib.EdgeVectorParams(size=embed_dim, distance=lib.Distance.Dot)
        graph = lib.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=FULL_SCAN_KB)
        optimizers = lib.EdgeOptimizersConfig(indexing_threshold=INDEXING_KB)
        with self._named(collection):
            path.parent.mkdir(parents=True, exist_ok=True)
            with replaced_folder(path) as made:
                made.mkdir()
                config = lib.EdgeConfig(vectors=params, hnsw_config=graph, optimizers=optimizers)
                lib.EdgeShard.create(str(made), config).close()
        self.index_fields(collection)

    def index_fields(self, collection: str) -> None:
        """Index the fields of ``INDEXED`` of a collection without points."""
        lib = self._lib
        kinds = {
            PLACE: lib.GeoIndexParams(),
            SIDE: lib.FloatIndexParams(enable_hnsw=False),
            GALLERY: lib.KeywordIndexParams(enable_hnsw=False),
        }
        with self._named(collection):
            for name in INDEXED:
                update = lib.UpdateOperation.create_field_index(name, kinds[name])
                self._shard(collection).update(update)

    def upsert(
        self, collection: str, ids: Ints, vectors: Floats, payloads: Sequence[dict[str, Any]]
    ) -> None:
        """Put points, replacing those of the same ids; on return they survive a kill."""
        rows = zip(ids.tolist(), vectors, payloads, strict=True)
        points = [self._lib.Point(number, vector, payload) for number, vector, payload in rows]
        with self._named(collection):
            self._shard(collection).update(self._lib.UpdateOperation.upsert_points(points))

    def ids(self, collection: str, chosen: Filter) -> Iterator[Ints]:
        """Yield the ids of the points that a filter holds, some at a time."""
        place = None
        while True:
            with self._named(collection):
                asked = self._lib.ScrollRequest(
                    offset=place, limit=PAGE, filter=self._filter(chosen), with_payload=False
                )
                found, place = self._shard(collection).scroll(asked)
            yield np.array([record.id for record in found], np.int64)
            if place is None:
                return

    def count(self, collection: str, chosen: Filter | None = None) -> int:
        """Return how many points a filter holds."""
        with self._named(collection):
            asked = self._lib.CountRequest(exact=True, filter=self._filter(chosen))
            return int(self._shard(collection).count(asked))

    def search(
        self, collection: str, queries: Floats, num: int, chosen: Filter | None, *, exact: bool
    ) -> list[tuple[Ints, Floats]]:
        """Return ids and scores of the ``num`` best points for each query, best first."""
        lib = self._lib
        acorn = lib.AcornSearchParams(enable=chosen is not None, max_selectivity=1.0)
        params = lib.SearchParams(hnsw_ef=EF, exact=exact, acorn=None if exact else acorn)
        wanted = self._filter(chosen)
        answers = []
        with self._named(collection):
            shard = self._shard(collection)
            for query in queries:
                nearest = lib.Query.Nearest(query)
                asked = lib.SearchRequest(query=nearest, limit=num, filter=wanted, params=params)
                found = shard.search(asked)
                ids = np.array([point.id for point in found], np.int64)
                answers.append((ids, np.array([point.score for point in found], np.float32)))
        return answers

    def settle(self, collection: str) -> str:
        """Have the graph built as far as that is the caller's to do; return what is to be said."""
        with self._named(collection):
            self._shard(collection).optimize()
            self._shard(collection).flush()
        return ""

    def close(self) -> None:
        """Let go of all folders."""
        for shard in self._shards.values():
            shard.close()
        self._shards.clear()

    def _path(self, collection: str) -> Path:
        if not collection or collection in (".", "..") or "/" in collection:
            raise UsageError(f"{collection!r} names no collection", where="collection")
        return self._folder / collection

    def _shard(self, collection: str) -> Any:
        if collection not in self._shards:
            self._shards[collection] = self._lib.EdgeShard.load(str(self._path(collection)))
        return self._shards[collection]

    @contextmanager
    def _named(self, collection: str) -> Iterator[None]:
        """Turn what the engine says into an error that names the folder."""
        try:
            yield
        except GeoretError:
            raise
        except Exception as error:  # the engine raises no other class
            what, hint = f"Qdrant's engine says: {error}", None
            if "WouldBlock" in str(error):
                what, hint = "another process has it open", "A folder serves one process at a time."
            raise DataError(what, where=str(self._path(collection)), hint=hint) from error

    def _filter(self, chosen: Filter | None) -> Any:
        """Return the engine's own form of a filter in JSON."""
        if chosen is None:
            return None
        parts = {name: [self._condition(one) for one in some] for name, some in chosen.items()}
        return self._lib.Filter(**parts)

    def _condition(self, condition: Mapping[str, Any]) -> Any:
        lib = self._lib
        if "has_id" in condition:
            return lib.HasIdCondition(set(condition["has_id"]))
        if "key" not in condition:
            return self._filter(dict(condition))
        (kind, value), key = next(i for i in condition.items() if i[0] != "key"), condition["key"]
        if kind == "match":
            return lib.FieldCondition(key=key, match=lib.MatchValue(value["value"]))
        if kind == "geo_bounding_box":
            first, last = _point(lib, value["top_left"]), _point(lib, value["bottom_right"])
            box = lib.GeoBoundingBox(first, last)
            return lib.FieldCondition(key=key, geo_bounding_box=box)
        if kind == "geo_radius":
            circle = lib.GeoRadius(_point(lib, value["center"]), value["radius"])
            return lib.FieldCondition(key=key, geo_radius=circle)
        outer, *holes = [
            [_point(lib, one) for one in ring["points"]]
            for ring in (value["exterior"], *value["interiors"])
        ]
        return lib.FieldCondition(key=key, geo_polygon=lib.GeoPolygon(outer, holes or None))


def _point(lib: Any, point: Mapping[str, float]) -> Any:
    return lib.GeoPoint(point["lon"], point["lat"])
