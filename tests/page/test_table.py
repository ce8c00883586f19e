"""The table of metrics in a terminal."""

from __future__ import annotations

from rich.console import Console

from georet.page.table import metrics_table


def test_the_terminal_table_has_a_row_a_set_in_readable_units() -> None:
    table = metrics_table(
        {
            "cross": {"median_error_m": 70_219.8, "recall@1": 55.02},
            "[red]same": {"recall@1": 78.2, "ap": 80.0},
        }
    )
    console = Console(width=100)
    with console.capture() as captured:
        console.print(table)
    lines = captured.get().splitlines()
    head = next(line for line in lines if "R@1" in line)
    assert head.index("R@1") < head.index("AP") < head.index("Median error")
    assert any("cross" in line and "55.0" in line and "70.2 km" in line for line in lines)
    assert any("[red]same" in line and "\N{EN DASH}" in line for line in lines)


def test_few_metrics_with_long_names_stand_in_rows_too() -> None:
    metrics = {f"within_{km}km": 50.0 for km in (200, 500, 1000)} | {"recall@1%": 9.0}
    console = Console(width=80)
    for results in ({"a-long-name-of-a-set": metrics}, {"val": metrics}):
        with console.capture() as captured:
            console.print(metrics_table(results))
        lines = captured.get().splitlines()
        is_turned = any(line.split()[1:2] == ["Within"] for line in lines)
        assert is_turned is (len(next(iter(results))) > 3)
        assert "Within 1000 km" in captured.get()


def test_a_table_of_many_metrics_is_turned_and_nothing_in_it_is_cut() -> None:
    shares = {f"within_{m}m": 1.0 for m in (1000, 5, 25, 100, 1, 50)}
    metrics = {"recall@1": 55.02, "recall@5": 70.0, "p90_error_m": 9_000_000.0, **shares}
    console = Console(width=80)
    with console.capture() as captured:
        console.print(metrics_table({"val": metrics, "test": metrics}))
    lines = captured.get().splitlines()
    assert "\N{HORIZONTAL ELLIPSIS}" not in captured.get()
    rows = [line.split()[1:4] for line in lines if "Within" in line]
    assert [row[1] for row in rows] == ["1", "5", "25", "50", "100", "1000"]


def test_with_more_sets_than_fit_no_name_and_no_figure_is_cut() -> None:
    metrics = {"recall@1": 55.02, "median_error_m": 5_098_000.0, "within_5m": 1.0, "ap": 3.0}
    names = [f"set-{n}{stage}" for n in range(4) for stage in ("", " + plugin:reranker")]
    console = Console(width=80)
    with console.capture() as captured:
        console.print(metrics_table(dict.fromkeys(names, metrics)))
    assert "\N{HORIZONTAL ELLIPSIS}" not in captured.get()
    assert max(map(len, captured.get().splitlines())) <= 80
