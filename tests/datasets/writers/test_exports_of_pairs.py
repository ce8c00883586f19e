"""What is written as University-1652 or pairs.csv and read back trains to the same figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from georet.commands.training import start_run
from georet.errors import DataError
from georet.files import read_json
from georet.plugins import Selection
from georet.testing import check_dataset, tiny_dataset
from georet.types import QUERY, REFERENCE, EvaluationSet, ImageTable, PairTable
from georet_datasets.readers.pairs_csv import PairsCsv
from georet_datasets.readers.university import University1652
from georet_datasets.writers import pairs_csv as export_pairs_csv
from georet_datasets.writers import university as export_university
from georet_orbitview.dataset import OrbitView

SELECTION = Selection(("sample4geo", "orbitview", "datasets", "georet.testing.plugin"))
MINI = {"name": "orbitview", "size": "mini", "px": 32, "train_renders": 2}
SHARED = ("recall@1", "recall@5", "recall@10")


@pytest.fixture(scope="module")
def mini() -> OrbitView:
    return OrbitView(size="mini", px=32, train_renders=2)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, float]]:
    """Return a function that trains on a data set and returns the main set's metrics."""
    runs = tmp_path_factory.mktemp("runs")

    def train(name: str, dataset: Mapping[str, Any], main: str, sampler: str) -> dict[str, float]:
        settings = {
            "recipe": "none",
            "dataset": dict(dataset),
            "data": {"size": {"query": [32, 32], "reference": [32, 32]}, "joint": ["flip"]},
            "encoder": {"backbone": {"name": "georet.testing.plugin:tiny"}},
            "losses": ["info_nce"],
            "sampler": {"name": sampler},
            "train": {"epochs": 2, "batch_size": 16, "lr": 3e-3},
            "evaluate": {"every": 2, "during": [main], "final": [main]},
        }
        path = runs / f"{name}.yaml"
        path.write_text(yaml.safe_dump(settings))
        run_dir = start_run(selection=SELECTION, path=path, out=runs / name)
        metrics: dict[str, float] = read_json(run_dir / "evaluation" / f"{main}.json")["metrics"]
        return metrics

    return train


def content(table: ImageTable) -> list[bytes]:
    return [path.read_bytes() for path in table.paths]


def same_pairs(before: PairTable, after: PairTable) -> bool:
    tables = zip(before.views.values(), after.views.values(), strict=True)
    return np.array_equal(before.pairs, after.pairs) and all(
        content(old) == content(new) for old, new in tables
    )


def test_university_trains_to_the_same_figures_as_the_original(mini, trained, tmp_path):
    export_university.write(mini.train(), mini.evaluations(), tmp_path)
    back = University1652(root=tmp_path)
    check_dataset(back)
    assert same_pairs(mini.train(), back.train())
    assert content(mini.evaluations()["cross"].gallery) == content(
        back.evaluations()["d2s"].gallery
    )
    here = trained("original", MINI, "cross", "similarity")
    dataset = {"name": "university1652", "root": str(tmp_path)}
    there = trained("university", dataset, "d2s", "similarity")
    assert {k: there[k] for k in SHARED} == pytest.approx({k: here[k] for k in SHARED}, abs=1e-6)
    assert 0 < there["recall@10"] < 100


def test_a_pairs_csv_trains_to_the_same_figures_as_the_original(mini, trained, tmp_path):
    export_pairs_csv.write(mini.train(), mini.evaluations(), tmp_path)
    back = PairsCsv(root=tmp_path, protocol="orbitview")
    check_dataset(back)
    assert same_pairs(mini.train(), back.train())
    assert np.array_equal(mini.train().references.latlon, back.train().references.latlon)  # type: ignore[arg-type]
    here = trained("original-gps", MINI, "cross", "sample4geo")
    dataset = {"name": "pairs_csv", "root": str(tmp_path), "protocol": "orbitview"}
    there = trained("pairs-csv", dataset, "test", "sample4geo")
    assert there == pytest.approx(here, abs=1e-6)
    assert "median_error_m" in there


def test_metadata_and_positions_survive_a_pairs_csv(mini, tmp_path):
    export_pairs_csv.write(mini.train(), mini.evaluations(), tmp_path)
    before, after = mini.train(), PairsCsv(root=tmp_path).train()
    assert before.columns["tilt_rad"].tolist() == after.columns["tilt_rad"].tolist()
    assert before.queries.latlon is not None
    assert after.queries.latlon is not None
    assert before.queries.latlon.tolist() == after.queries.latlon.tolist()
    assert before.queries.heading_deg.tolist() == after.queries.heading_deg.tolist()
    assert before.queries.altitude_m.tolist() == after.queries.altitude_m.tolist()
    assert before.references.side_m.tolist() == after.references.side_m.tolist()


@pytest.fixture
def table_of(tmp_path: Path) -> Callable[..., ImageTable]:
    """Return a function that makes a table of files whose bytes are their names."""

    def make(*names: str) -> ImageTable:
        paths = [tmp_path / "source" / f"{name}.jpg" for name in names]
        for path in paths:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(path.stem.encode())
        return ImageTable(names, paths, name="made")

    return make


def pairs_of(table_of: Callable[..., ImageTable]) -> PairTable:
    views = {QUERY: table_of("q0", "q1", "q2"), REFERENCE: table_of("r0", "r1", "r2")}
    semi_positives = np.array([[0, 2], [-1, -1], [0, -1], [-1, -1]])
    return PairTable(views, np.array([[2, 1], [0, 2], [1, 1], [2, 2]]), semi_positives)


def test_shared_queries_unpaired_references_and_semi_positives_survive_a_csv(table_of, tmp_path):
    before = pairs_of(table_of)
    which = EvaluationSet(table_of("x"), table_of("y"), [[0]], "recall")
    export_pairs_csv.write(before, {"set": which}, tmp_path / "out")
    after = PairsCsv(root=tmp_path / "out").train()
    assert content(after.references) == [b"r0", b"r1", b"r2"]
    names = [(content(after.queries)[q], r) for q, r in after.pairs]
    assert names == [(b"q2", 1), (b"q0", 2), (b"q1", 1), (b"q2", 2)]
    assert after.semi_positives is not None
    assert after.semi_positives.tolist() == [[0, 2], [-1, -1], [0, -1], [-1, -1]]


def test_shared_queries_and_unpaired_references_survive_university(table_of, tmp_path):
    which = EvaluationSet(table_of("x"), table_of("y"), [[0]], "recall")
    export_university.write(pairs_of(table_of), {"set": which}, tmp_path / "out")
    after = University1652(root=tmp_path / "out").train()
    assert content(after.references) == [b"r0", b"r1", b"r2"]
    assert content(after.queries) == [b"q2", b"q0", b"q1", b"q2"]
    assert after.pairs.tolist() == [[0, 1], [1, 2], [2, 1], [3, 2]]


def test_junk_distractors_and_several_positives_survive_university(table_of, tmp_path):
    which = EvaluationSet(
        table_of("qa1", "qb", "qa2", "qz"),
        table_of("far", "b", "junk", "a1", "a2"),
        [[3, 4], [1], [4, 3], []],
        "university-1652/d2s",
        junk=np.array([2]),
    )
    export_university.write(pairs_of(table_of), {"set": which}, tmp_path / "out")
    sets = University1652(root=tmp_path / "out").evaluations()
    assert content(sets["d2s"].queries) == [b"qa1", b"qb", b"qa2", b"qz"]
    assert content(sets["d2s"].gallery) == [b"far", b"b", b"junk", b"a1", b"a2"]
    assert sets["d2s"].positives == [[3, 4], [1], [3, 4], []]
    assert sets["d2s"].junk is not None
    assert sets["d2s"].junk.tolist() == [2]
    assert content(sets["s2d"].queries) == [b"b", b"a1", b"a2"]
    assert sets["s2d"].positives == [[1], [0, 2], [0, 2]]


def test_positives_and_distractors_survive_a_csv_and_junk_is_left_out(table_of, tmp_path):
    which = EvaluationSet(
        table_of("qa", "qb", "qz"),
        table_of("far", "b", "junk", "a1", "a2"),
        [[3, 4], [1], []],
        "recall",
        junk=np.array([2]),
    )
    export_pairs_csv.write(pairs_of(table_of), {"set": which}, tmp_path / "out")
    after = PairsCsv(root=tmp_path / "out").evaluations()["test"]
    assert content(after.queries) == [b"qa", b"qb", b"qz"]
    assert content(after.gallery) == [b"far", b"b", b"a1", b"a2"]
    assert after.positives == [[2, 3], [1], []]


@pytest.mark.parametrize("positives", [[[0, 1], [1]], [[0], [0, 1]], [[0, 1], [0]]])
def test_positives_that_are_no_buildings_are_refused(table_of, tmp_path, positives):
    which = EvaluationSet(table_of("x", "y"), table_of("t", "u"), positives, "recall")
    with pytest.raises(DataError, match=r"shares but some(.|\n)*pairs-csv"):
        export_university.write(pairs_of(table_of), {"set": which}, tmp_path / "out")


@pytest.mark.parametrize("writer", [export_university, export_pairs_csv])
def test_a_set_to_judge_with_is_needed(table_of, tmp_path, writer):
    with pytest.raises(DataError, match="no evaluation set"):
        writer.write(pairs_of(table_of), {}, tmp_path / "out")


def test_evaluation_sets_that_are_left_out_are_named(table_of, tmp_path, capsys):
    which = EvaluationSet(table_of("x"), table_of("y"), [[0]], "recall")
    sets = {"cross": which, "same": which}
    export_university.write(pairs_of(table_of), sets, tmp_path / "out")
    assert "holds one evaluation set, cross; left out: same" in capsys.readouterr().err


def test_a_missing_source_image_is_named(table_of, tmp_path):
    pairs = pairs_of(table_of)
    which = EvaluationSet(table_of("x"), table_of("y"), [[0]], "recall")
    Path(pairs.queries.paths[0]).unlink()
    with pytest.raises(DataError, match=r"q0.jpg: can't be copied(.|\n)*No such file"):
        export_pairs_csv.write(pairs, {"set": which}, tmp_path / "out")


def test_further_views_survive_university(table_of, tmp_path):
    before = pairs_of(table_of)
    views = dict(before.views) | {"street": table_of("s0", "s1")}
    pairs = PairTable(views, np.column_stack([before.pairs, [1, -1, 0, -1]]))
    which = EvaluationSet(table_of("x"), table_of("y"), [[0]], "recall")
    export_university.write(pairs, {"set": which}, tmp_path / "out")
    after = University1652(root=tmp_path / "out", extra_views=["street"]).train()
    assert sorted(content(after.views["street"])) == [b"s0", b"s1"]


def test_a_tiny_data_set_of_several_queries_a_place_survives_both(tmp_path):
    dataset = tiny_dataset(tmp_path / "tiny", 4, size=16)
    dataset.queries_per_place = 3
    before = dataset.train()
    export_university.write(before, dataset.evaluations(), tmp_path / "u")
    export_pairs_csv.write(before, dataset.evaluations(), tmp_path / "c")
    for after in (University1652(root=tmp_path / "u"), PairsCsv(root=tmp_path / "c")):
        assert same_pairs(before, after.train())
