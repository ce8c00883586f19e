"""``tiles.csv`` as spreadsheets and Windows write it, and folders with images of no place."""

from __future__ import annotations

import pytest

from georet.errors import DataError
from georet.sources.tiles_csv import open_csv
from georet.sources.vigor import open_named
from georet.tiles.tiling import Tiling

TABLES = {
    "commas": "file,lat,lon,side_m\nsub/a.png,46.9,9,150.5\n",
    "decimal commas": "file;lat;lon;side_m\nsub/a.png;46,9;9,0;150,5\n",
    "tabs": "file\tlat\tlon\tside_m\nsub/a.png\t46,9\t9,0\t150,5\n",
    "paths of Windows": "File,LAT,Lon,Side_m\nsub\\a.png,46.9,9.0,150.5\n",
    "blank lines": "file,lat,lon,side_m,\n,,,,\nsub/a.png,46.9,9,150.5,\n\n",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("case", TABLES)
def test_the_same_tile_is_placed_in_every_dialect(case, encoding, tmp_path):
    (tmp_path / "tiles.csv").write_bytes(TABLES[case].encode(encoding))
    table = open_csv(tmp_path, Tiling()).tiles()
    assert list(table.ids) == ["sub/a.png"]
    assert table.latlon.round(9).tolist() == [[46.9, 9.0]]
    assert table.side_m.tolist() == [150.5]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("file,lat,lon\na.png,46,9,9,0\n", r"csv:2: has 5 cells.*\n.*part the cells by `;`"),
        ('file,lat,lon\na.png,"46,9",9\n', r"csv:2:lat: '46,9' is no number\n.*Write 46\.9"),
        ("file;x;y\na.png;5e5;5e6\n", r"column lat, lon is missing\n.*There are: file, x, y"),
        ("file,lat,lon\nC:\\a.png,46,9\n", r"csv:2:file: .*path of Windows"),
        ("file;lat;lon;side_m\na.png;46.9;9;1,000\n", r"csv:2:side_m: '1,000' has a decimal comma"),
    ],
)
def test_what_cannot_be_known_is_refused_with_its_line(content, said, tmp_path):
    (tmp_path / "tiles.csv").write_text(content)
    with pytest.raises(DataError, match=said):
        open_csv(tmp_path, Tiling(side_m=(200.0,)))


def test_images_whose_names_tell_no_place_are_counted(tmp_path):
    for name in ("s_46.9_9.0.png", "overview.png", "deep/more.JPG", ".hidden.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    source = open_named(tmp_path, Tiling(side_m=(100.0,)))
    assert list(source.tiles().ids) == ["s_46.9_9.0.png"]
    told = " ".join(source.remarks())
    assert "overview.png" in told or "deep/more.JPG" in told


def test_linked_folders_of_named_tiles_are_entered_once(tmp_path):
    (tmp_path / "tiles/a").mkdir(parents=True)
    (tmp_path / "there").mkdir()
    (tmp_path / "there/s_46.9_9.0.png").write_bytes(b"")
    (tmp_path / "tiles/a/linked").symlink_to(tmp_path / "there")
    (tmp_path / "tiles/a/loop").symlink_to(tmp_path / "tiles")
    with pytest.raises(DataError, match="links"):
        open_named(tmp_path / "tiles", Tiling(side_m=(100.0,)))
    source = open_named(tmp_path / "tiles", Tiling(side_m=(100.0,)), follow=True)
    assert list(source.tiles().ids) == ["a/linked/s_46.9_9.0.png"]


@pytest.mark.parametrize(("num", "present", "is_refused"), [(5000, 3, True), (5000, 3000, False)])
def test_a_table_of_files_that_lie_elsewhere_is_refused_before_they_are_read(
    num, present, is_refused, tmp_path
):
    for row in range(present):
        (tmp_path / f"{row}.png").write_bytes(b"")
    lines = [f"{row}.png,45,{row / num},200" for row in range(num)]
    (tmp_path / "tiles.csv").write_text("\n".join(["file,lat,lon,side_m", *lines]))
    if not is_refused:
        assert len(open_csv(tmp_path, Tiling()).tiles()) == num
        return
    said = (
        r"tiles\.csv:5:file: 4,997 of the 5,000 files listed are not there, the first is '3\.png'"
    )
    with pytest.raises(DataError, match=said):
        open_csv(tmp_path, Tiling())
