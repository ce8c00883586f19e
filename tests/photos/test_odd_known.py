"""Lists of photos of known place, as spreadsheets and Windows write them."""

from __future__ import annotations

import pytest

from georet.errors import DataError
from georet.photos.known import embed_known, open_queries
from georet.testing.pixel_session import PixelSession

TABLES = {
    "commas": "photo,lat,lon\ncaf\u00e9/a.jpg,46.95,-7.5\n",
    "decimal commas": "photo;lat;lon\ncaf\u00e9/a.jpg;46,95;-7,5\n",
    "tabs": "photo\tlat\tlon\ncaf\u00e9/a.jpg\t46.95\t-7.5\n",
    "another order and case": "LON,Lat ,Photo,note\n-7.5,46.95,caf\u00e9/a.jpg,x\n",
    "paths of Windows": "photo,lat,lon\ncaf\u00e9\\a.jpg,46.95,-7.5\n",
    "blank lines": "photo,lat,lon\n,,\ncaf\u00e9/a.jpg,46.95,-7.5\n,,\n\n",
    "a file that georet wrote": "photo,lat,lon\n'+caf\u00e9/a.jpg,46.95,-7.5\n",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("case", TABLES)
def test_the_same_photo_is_known_in_every_dialect(case, encoding, tmp_path):
    path = tmp_path / "known.csv"
    path.write_bytes(TABLES[case].encode(encoding))
    found = open_queries(str(path))
    plus = "+" if "wrote" in case else ""
    assert list(found.paths) == [tmp_path / f"{plus}caf\u00e9/a.jpg"]
    assert found.latlon.tolist() == [[46.95, -7.5]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("photo,lat,lon\na.jpg,46,95,7,5\n", r"csv:2: has 5 cells.*\n.*decimal"),
        ('photo,lat,lon\na.jpg,"46,95","7,5"\n', r"csv:2:lat: lat is '46,95'.*\n.*Write 46\.95"),
        ("photo,lat,lon\na.jpg,,\n", r"csv:2:lat: lat is ''"),
        ("photo,latitude,lon\na.jpg,1,2\n", r"no column 'lat'\n.*There are: photo, latitude, lon"),
        ("photo,lat,lon\nD:\\a.jpg,1,2\n", r"csv:2:photo: .*path of Windows"),
        ("photo,lat,lon\na.jpg,5e5,2\n", r"csv:2: .*latitude must lie"),
    ],
)
def test_what_cannot_be_known_is_refused_with_its_line(content, said, tmp_path):
    path = tmp_path / "known.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=said):
        open_queries(str(path))


def test_a_missing_photo_is_named_with_its_line(tmp_path):
    path = tmp_path / "known.csv"
    path.write_text("photo,lat,lon\n\na.jpg,1,2\n")
    with pytest.raises(DataError, match="the image is missing") as caught:
        embed_known(open_queries(str(path)), PixelSession())
    assert f"listed in {path}:3" in str(caught.value)
