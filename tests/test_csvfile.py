import pytest

from georet.csvfile import csv_rows
from georet.errors import DataError


def read(path, content):
    path.write_bytes(content)
    headers = []
    return list(csv_rows(path, headers.append)), headers


def test_each_line_comes_with_where_it_stands(tmp_path):
    path = tmp_path / "a.csv"
    rows, headers = read(path, b'\xef\xbb\xbfphoto, lat\n"a, b.jpg", 1.5 \n\nc.jpg,2\n')
    assert headers == [["photo", " lat"]]
    assert rows == [
        (f"{path}:2", {"photo": "a, b.jpg", " lat": "1.5"}),
        (f"{path}:4", {"photo": "c.jpg", " lat": "2"}),
    ]


@pytest.mark.parametrize(
    ("content", "where", "what"),
    [
        (b"photo,lat\na.jpg\n", ":2", "number of cells"),
        (b"photo,lat\na.jpg,1\nb.jpg,1,2\n", ":3", "number of cells"),
        (b"photo,lat\n\xff\xfe,1\n", "", "can't be read"),
        (b'photo,lat\n"a.jpg"x,1\n', ":2", "is no CSV"),
    ],
    ids=["too few cells", "too many cells", "no UTF-8", "text after a quote"],
)
def test_what_is_wrong_is_named_with_its_line(content, where, what, tmp_path):
    path = tmp_path / "a.csv"
    with pytest.raises(DataError, match=what) as caught:
        read(path, content)
    assert caught.value.where == f"{path}{where}"


def test_a_missing_file_is_an_error_of_the_data(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        list(csv_rows(tmp_path / "none.csv", print))
