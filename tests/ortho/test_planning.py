"""How much work is planned for the minutes: by counting, so that each call plans the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from georet.plugins import UNSAID
from georet.pretrained.making import run_folder
from georet_ortho.adapting.base import open_base
from georet_ortho.adapting.planning import LEAST_PAIRS, MOST_PAIRS, costs_of, planned
from georet_ortho.adapting.settings import Settings

from .conftest import ENCODER

ASKED = Settings("area.tif", ENCODER, 40.0, size=64, minutes=3)


@pytest.fixture(scope="module")
def base():
    return open_base(run_folder(ENCODER), 64, UNSAID)


def test_the_same_call_plans_the_same_however_busy_the_machine_is(base):
    first, again = planned(ASKED, base, 200), planned(ASKED, base, 200)
    assert first == again
    assert LEAST_PAIRS < first[0].pairs < MOST_PAIRS


def test_more_minutes_afford_more_pairs_and_more_tiles_fewer(base):
    pairs = [planned(replace(ASKED, minutes=m), base, 500)[0].pairs for m in (0.5, 1.5, 2, 1000)]
    assert LEAST_PAIRS == pairs[0] < pairs[1] < pairs[2] < pairs[3] == MOST_PAIRS
    assert planned(ASKED, base, 9000)[0].pairs < planned(ASKED, base, 500)[0].pairs


def test_the_work_that_is_planned_fits_the_minutes(base):
    settings, work = planned(replace(ASKED, minutes=2), base, 500)
    assert 0.95 * 120 < sum(work.values()) <= 121
    more = planned(replace(settings, pairs=settings.pairs + 50), base, 500)[1]
    assert sum(more.values()) > 120


def test_pairs_that_are_asked_for_outright_are_what_is_planned(base):
    settings, work = planned(replace(ASKED, pairs=777), base, 500)
    assert settings.pairs == 777
    assert set(work) >= {"tiles", "training", "photos to train on"}


def test_a_finer_image_costs_more_operations(base):
    finer = open_base(base.folder, 128, UNSAID)
    small, large = costs_of(base, ASKED), costs_of(finer, replace(ASKED, size=128))
    assert large.map_s == pytest.approx(4 * small.map_s, rel=0.1)
    assert large.step_s > 3 * small.step_s
    assert costs_of(base, replace(ASKED, dsm="dsm.tif")).photo_s > small.photo_s


def test_a_fine_map_takes_longer_to_render_from_up_to_a_point(base):
    photo_s = [costs_of(base, ASKED, px).photo_s for px in (40, 200, 400, 4000)]
    assert photo_s[0] < photo_s[1] < photo_s[2] == photo_s[3]
    assert planned(ASKED, base, 500, 40)[0].pairs > planned(ASKED, base, 500, 400)[0].pairs
