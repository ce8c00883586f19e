"""Runs side by side: what shares a row, what never shares a table, mean and spread."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import yaml

from georet.cli import main
from georet.config import RunConfig
from georet.configure import dump
from georet.errors import DataError
from georet.page.rows import latex, markdown
from georet.report.compare import compare

COUNTS = {"num_queries": 10, "num_references": 20}


@pytest.fixture
def made(tmp_path):
    """Return what makes the folder of a finished run."""

    def make(name, seed, recall, *, sets=(), command=(), protocol="cvusa/sample4geo", **result):
        values = {
            "recipe": "sample4geo/cvusa",
            "seed": seed,
            "dataset": {"name": "datasets:cvusa", "root": "data"},
            "encoder": {"backbone": {"name": "timm", "model": "convnext_base"}},
            "losses": [{"name": "info_nce"}],
            "sampler": {"name": "sample4geo"},
        }
        for section, change in sets:
            values[section] = values.get(section, {}) | change
        run_dir = tmp_path / name
        (run_dir / "evaluation").mkdir(parents=True)
        (run_dir / "config.yaml").write_text(dump(RunConfig.model_validate(values)))
        write_json(
            run_dir / "manifest.json", {"command": shlex.join(["georet", "train", *command])}
        )
        record = {"set": "val", "protocol": protocol, "dataset": "datasets:cvusa", **COUNTS}
        metrics = {"recall@1": recall, "median_error_m": 12.0}
        write_json(run_dir / "evaluation" / "val.json", record | {"metrics": metrics} | result)
        return run_dir

    return make


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))


def test_runs_that_differ_in_their_seed_alone_share_a_row_with_mean_and_spread(made):
    runs = [made(f"s{seed}", seed, recall) for seed, recall in enumerate((80.0, 82.0, 84.0))]
    (table,) = compare(runs)
    ((name, row),) = table.rows.items()
    assert name == "sample4geo/cvusa (3 seeds)"
    assert row["recall@1"] == "82.00 ± 2.00"
    (values,) = table.values["rows"]
    assert values["metrics"]["recall@1"] == {"mean": 82.0, "sd": 2.0, "values": [80.0, 82.0, 84.0]}
    assert values["seeds"] == [0, 1, 2]


def test_device_and_loader_processes_make_no_difference(made):
    runs = [
        made("a", 0, 80.0, sets=[("data", {"workers": 4})]),
        made("b", 1, 82.0, sets=[("data", {"workers": 0})]),
    ]
    assert len(compare(runs)[0].rows) == 1


def test_rows_are_named_by_what_was_typed_beside_the_recipe_but_the_seed(made):
    typed = ["--set", "seed=7", "--set", "sampler=random"]
    other = made("b", 7, 60.0, sets=[("sampler", {"name": "random"})], command=typed)
    (table,) = compare([made("a", 7, 80.0), other])
    assert table.shared == "sample4geo/cvusa, seed 7"
    assert list(table.rows) == ["as it is", "sampler=random"]
    assert [row["name"] for row in table.values["rows"]] == [
        "sample4geo/cvusa",
        "sample4geo/cvusa, sampler=random",
    ]


def test_rows_of_one_name_are_told_apart_by_the_keys_in_which_they_differ(made):
    runs = [made(f"lr{lr}", 0, 80.0, sets=[("train", {"lr": lr})]) for lr in (0.001, 0.01)]
    (table,) = compare(runs)
    assert table.shared == "sample4geo/cvusa, seed 0"
    assert list(table.rows) == ["train.lr=0.001", "train.lr=0.01"]


def test_seeds_stay_in_the_names_of_rows_that_differ_in_them(made):
    lr = [("train", {"lr": 0.5})]
    runs = [made("a", 0, 80.0), made("b", 1, 80.0), made("c", 1, 80.0, sets=lr)]
    (table,) = compare(runs)
    assert table.shared == "sample4geo/cvusa"
    assert list(table.rows) == ["train.lr=0.001 (2 seeds)", "train.lr=0.5 (seed 1)"]


def test_a_terminal_of_80_columns_gets_whole_names_and_numbers(made, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    metrics = {f"within_{m}m": 50.0 + m for m in (1, 5, 10, 25, 50, 100, 1000)}
    metrics |= {"recall@1": 81.25, "recall@5": 90.0, "ap": 77.5, "median_error_m": 12.0}
    typed = [["--set", "train.lr=0.5", "--set", f"losses=[{n}]"] for n in ("info_nce", "triplet")]
    runs = [
        str(made(f"r{i}", 0, 0.0, command=words, sets=[("train", {"lr": i + 1})], metrics=metrics))
        for i, words in enumerate(typed)
    ]
    assert main(["report", *runs]) == 0
    lines = capsys.readouterr().out.splitlines()
    tables = [line for line in lines if line[:1] in "┃│┏┡└"]
    assert max(map(len, tables)) <= 80
    assert "all rows: sample4geo/cvusa, train.lr=0.5, seed 0" in lines
    assert sum("losses=[triplet]" in line for line in tables) >= 2  # once in each block
    num_blocks = sum(line.startswith("┏") for line in tables)
    assert len(tables) == 6 * num_blocks  # each row is one line
    text = "\n".join(tables)
    assert all(cell in text for cell in ("R@1 ", "Within 1000 m", "81.25", "1050.00", "12.0 m"))


def test_columns_are_chosen_in_the_order_given(made, capsys):
    runs = [str(made("a", 0, 80.0))]
    assert main(["report", *runs, "--columns", "median_error_m", "--markdown"]) == 0
    out = capsys.readouterr().out
    assert "|  | Median error |" in out
    assert "R@1" not in out
    assert main(["report", *runs, "--columns", "median_error_m, recall@1", "--markdown"]) == 0
    assert "|  | Median error | R@1 |" in capsys.readouterr().out
    assert main(["report", *runs, "--columns", "recall@11"]) == 2
    assert "did you mean 'recall@1'" in capsys.readouterr().err


def test_latex_is_a_whole_table_with_the_lines_of_booktabs(made):
    lines = latex(compare([made("a", 0, 80.0), made("b", 1, 81.0)])).splitlines()
    body = [line for line in lines if not line.startswith("%")]
    assert body[:2] == [r"\begin{tabular}{lrr}", r"\toprule"]
    assert body[3] == r"\midrule"
    assert body[-2:] == [r"\bottomrule", r"\end{tabular}"]
    assert all(line.count("&") == 2 for line in body if line.endswith(r"\\"))


@pytest.mark.parametrize(
    "other",
    [
        {"protocol": "cvusa/safa"},
        {"num_references": 21},
        {"dataset": "datasets:cvact"},
        {"field_of_view": "90 degrees around a random column of each image, seed 0"},
        {"checkpoint": "best"},
    ],
)
def test_what_was_counted_differently_never_stands_in_one_table(made, other):
    tables = compare([made("a", 0, 80.0), made("b", 1, 82.0, **other)])
    assert [len(table.rows) for table in tables] == [1, 1]
    assert any(str(value) in tables[1].title for value in other.values())


def test_a_seed_that_ran_twice_counts_once_and_is_named(made):
    (table,) = compare([made("first", 3, 80.0), made("second", 3, 90.0)])
    assert next(iter(table.rows.values()))["recall@1"] == "90.00"
    assert any("first is left out" in note and "seed 3" in note for note in table.notes)


def test_warnings_and_mixed_versions_are_carried_along(made):
    (table,) = compare(
        [
            made("a", 0, 80.0, warnings=["recall@1 is 3"], versions={"georet": "0.1"}),
            made("b", 1, 80.0, versions={"georet": "0.2"}),
        ]
    )
    assert any("recall@1 is 3" in note for note in table.notes)
    assert any("0.1, 0.2" in note for note in table.notes)


def test_results_of_other_evaluations_of_a_run_are_read_from_their_folder(made):
    run_dir = made("a", 0, 80.0)
    (run_dir / "evaluation" / "fov90").mkdir()
    record = json.loads((run_dir / "evaluation" / "val.json").read_text())
    write_json(run_dir / "evaluation" / "fov90" / "val.json", record | {"checkpoint": "last"})
    assert [table.values["set"] for table in compare([run_dir])] == ["fov90/val", "val"]


def test_markdown_and_latex_hold_the_same_cells(made):
    tables = compare([made("a", 0, 80.0), made("b", 1, 81.0)])
    assert "| sample4geo/cvusa (2 seeds) | 80.50 ± 0.71 | 12.0 m ± 0.0 m |" in markdown(tables)
    row = r"sample4geo/cvusa (2 seeds) & 80.50 $\pm$ 0.71 & 12.0 m $\pm$ 0.0 m \\"
    assert row in latex(tables)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: (run / "config.yaml").unlink(), "no run here"),
        (lambda run: (run / "evaluation" / "val.json").unlink(), "no results yet"),
        (lambda run: (run / "evaluation" / "val.json").write_text("{"), "JSON"),
        (lambda run: (run / "evaluation" / "val.json").write_text("{}"), "is no result: metrics"),
    ],
)
def test_a_folder_without_results_is_named(made, spoil, message):
    run_dir = made("a", 0, 80.0)
    spoil(run_dir)
    with pytest.raises(DataError, match=message):
        compare([run_dir])


def test_the_command_writes_the_table_to_a_file(made, tmp_path, capsys):
    run_dir, out = made("a", 0, 80.0), tmp_path / "table.json"
    assert main(["report", str(run_dir), "--json", "--out", str(out)]) == 0
    (table,) = json.loads(out.read_text())
    assert table["protocol"] == "cvusa/sample4geo"
    assert main(["report", str(run_dir)]) == 0
    assert "80.00" in capsys.readouterr().out
    assert main(["report", str(run_dir), "--html", "--latex"]) == 2


def test_a_config_is_compared_as_it_was_written(made):
    run_dir = made("a", 0, 80.0)
    config = yaml.safe_load((run_dir / "config.yaml").read_text())
    (run_dir / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=True))
    assert len(compare([run_dir, made("b", 1, 81.0)])[0].rows) == 1
