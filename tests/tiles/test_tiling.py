"""How ground is asked to be cut: what makes no sense is refused."""

import pytest

from georet.errors import UsageError
from georet.tiles.tiling import Tiling


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"side_m": (0.0,)}, "tiles of 0 m"),
        ({"side_m": (-5.0,)}, "tiles of -5 m"),
        ({"side_m": (float("nan"),)}, "tiles of nan m"),
        ({"side_m": (50.0, 50.0)}, "twice"),
        ({"overlap": 1.0}, "overlap is 1"),
        ({"overlap": -0.1}, "overlap is -0.1"),
        ({"zoom": -1}, "zoom is -1"),
        ({"zoom": 31}, "zoom is 31"),
        ({"max_nodata": 1.5}, "max_nodata is 1.5"),
    ],
)
def test_a_tiling_that_makes_no_sense_is_refused(values, said):
    with pytest.raises(UsageError, match=said):
        Tiling(**values)
