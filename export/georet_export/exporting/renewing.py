"""The page of a run, written anew after an export, so that it shows what was exported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from georet.errors import GeoretError
from georet.plugins import UNSAID, Selection
from georet.progress import say
from georet.report import write_report
from georet.train import setup
from georet.train.run import check_run, reconfigure


def renew_report(
    run_dir: Path,
    *,
    selection: Selection = UNSAID,
    overrides: Sequence[str] = (),
) -> None:
    """Write the run's report and say where; an export does not fail for want of one."""
    try:
        config, loaded = reconfigure(check_run(run_dir), selection=selection, overrides=overrides)
        data = setup.load_data(config, loaded)
        say(f"report {write_report(run_dir, data.evaluations, data.pairs)}")
    except GeoretError as error:
        say(f"warning: the run's report was not written anew: {error}")
