"""Tables as people have them: what each is read as, or what is said of it."""

import time

import pytest

from georet.csvfile import Numbers, guarded, read_csv, read_list, read_text, slashed
from georet.errors import DataError

KNOWN = ("photo", "lat", "lon")


def read(path, content, known=KNOWN):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = read_csv(path, known)
    table.check_columns(known)
    return [
        (where, cells["photo"], *(table.numbers.read(cells[c], f"{where}:{c}") for c in KNOWN[1:]))
        for where, cells in table
    ]


def test_each_line_comes_with_where_it_stands(tmp_path):
    path = tmp_path / "a.csv"
    rows = read(path, b'\xef\xbb\xbfphoto, lat,lon\n"a, b.jpg", 1.5,2 \n\nc.jpg,2,3\n')
    assert rows == [(f"{path}:2", "a, b.jpg", 1.5, 2.0), (f"{path}:4", "c.jpg", 2.0, 3.0)]


@pytest.mark.parametrize(
    "text",
    [
        "photo,lat,lon\na.jpg,46.95,-7.5\n",
        "photo;lat;lon\na.jpg;46,95;-7,5\n",
        "photo;lat;lon\r\na.jpg;46.95;-7.5\r\n",
        "photo\tlat\tlon\na.jpg\t46,95\t-7,5\n",
        "photo|lat|lon\na.jpg|46.95|-7.5\n",
        'sep=;\nphoto;lat;lon\na.jpg;"46,95";"-7,5"\n',
        "Photo , LAT,Lon\na.jpg,46.95,-7.5\n",
        '"photo","lat","lon"\n"a.jpg","46.95","-7.5"\n',
        "photo,lat,lon,,\na.jpg,46.95,-7.5,,\n,,,,\n",
        "\n\nphoto,lat,lon\n\n ,  ,\na.jpg,46.95,-7.5\n\n",
        "photo,lat,lon\ra.jpg,46.95,-7.5\r",
        "photo,lat,lon,note\na.jpg,46.95,\u22127.5,'a; b; c'\n",
        "lon,lat,photo,note;with;many\n-7.5,46.95,a.jpg,x\n",
        "photo,lat,lon\na.jpg,+4.695e1,-7.5,,\n",
    ],
)
def test_the_same_table_is_read_in_every_dialect(text, tmp_path):
    ((_, photo, lat, lon),) = read(tmp_path / "a.csv", text)
    assert (photo, lat, lon) == ("a.jpg", 46.95, -7.5)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_the_same_table_is_read_in_every_encoding(encoding, tmp_path):
    text = "photo,lat,lon\nZürich/é.jpg,46.95,-7.5\n"
    ((_, photo, lat, lon),) = read(tmp_path / "a.csv", text.encode(encoding))
    assert (photo, lat, lon) == ("Zürich/é.jpg", 46.95, -7.5)


def test_what_was_not_utf8_is_told(tmp_path, capsys):
    read(tmp_path / "a.csv", "photo,lat,lon\na.jpg,1,2\né.jpg,1,2\n".encode("cp1252"))
    assert "a.csv:3: is not UTF-8, read as Windows-1252" in capsys.readouterr().err


def test_a_quoted_cell_may_hold_separators_and_line_ends(tmp_path):
    path = tmp_path / "a.csv"
    rows = read(path, 'photo,lat,lon\n"a\nb, ""c"".jpg",1,2\nd.jpg,3,4\n')
    assert [(where, photo) for where, photo, *_ in rows] == [
        (f"{path}:2", 'a\nb, "c".jpg'),
        (f"{path}:4", "d.jpg"),
    ]


BAD = {
    "too few cells": ("photo,lat,lon\na.jpg,1\n", ":2", "has 2 cells, the header names 3", ""),
    "too many cells": ("photo,lat,lon\na,1,2\nb,1,2,3\n", ":3", "has 4 cells", "double quotes"),
    "decimal commas": ("photo,lat,lon\na.jpg,46,9,7,5\n", ":2", "has 5 cells", "decimal point"),
    "quoted decimal comma": (
        'photo,lat,lon\na.jpg,"1,5",2\n',
        ":2:lat",
        "'1,5' is no number",
        "Write 1.5; or part the cells by `;`",
    ),
    "two decimal signs": (
        "photo;lat;lon\na.jpg;1.5;2,5\n",
        ":2:lon",
        "'2,5' has a decimal comma, '1.5' has a point",
        "a.csv:2:lat",
    ),
    "thousands": ("photo;lat;lon\na.jpg;1.234,5;2\n", ":2:lat", "no number", "thousands"),
    "degrees": ("photo,lat,lon\na.jpg,46°57' N,7\n", ":2:lat", "no number", "decimal degrees"),
    "hemisphere": ("photo,lat,lon\na.jpg,46.9S,7\n", ":2:lat", "no number", "south"),
    "underscore": ("photo,lat,lon\na.jpg,4_6,7\n", ":2:lat", "no number", ""),
    "infinite": ("photo,lat,lon\na.jpg,1e999,7\n", ":2:lat", "no number", ""),
    "not a number": ("photo,lat,lon\na.jpg,nan,7\n", ":2:lat", "no number", ""),
    "no column": (
        "file;lat;long\na;1;2\n",
        ":1",
        "has no columns 'photo', 'lon'",
        "file, lat, long",
    ),
    "column twice": ("photo,lat,lon,Lat\na.jpg,1,2,3\n", ":1", "'lat' stands twice", ""),
    "cell without a name": ("photo,lat,lon,\na.jpg,1,2,x\n", ":2", "column 4 has no name", "'x'"),
    "open quote": ('photo,lat,lon\na,1,2\n"b,1,2\nc,1,2\n', ":3", "never closed", ""),
    "after a quote": ('photo,lat,lon\n"a.jpg"x,1,2\n', ":2", "is no CSV", ""),
    "NUL": (b"photo,lat,lon\na.jpg,1,2\nb\0.jpg,1,2\n", ":3", "NUL", ""),
    "neither encoding": (b"photo,lat,lon\n\x81\xff,1,2\n", ":2", "neither UTF-8 nor", "iconv"),
    "half of UTF-16": (b"\xff\xfep\0h", ":1", "not whole UTF-16", ""),
    "workbook": (b"PK\x03\x04xyz", "", "workbook", "CSV"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\n", "", "LFS", "git lfs pull"),
    "web page": (b"<!DOCTYPE html><p>404", "", "web page", "fetch"),
    "nothing": (b"", ":1", "has no columns", "empty"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_named_with_its_line(case, tmp_path):
    content, where, what, hint = BAD[case]
    path = tmp_path / "a.csv"
    with pytest.raises(DataError) as caught:
        read(path, content)
    assert what in caught.value.what
    assert hint in f"{caught.value.what} {caught.value.hint}"
    assert caught.value.where.startswith(f"{path}{where}")


def test_a_missing_file_is_an_error_of_the_data(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_text(tmp_path / "none.csv")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_list_without_a_header_is_read_in_every_dialect(separator, end, tmp_path):
    path = tmp_path / "a.csv"
    lines = [separator.join(cells) for cells in (("a", "b", "1"), ("", "", ""), ("c", " d ", "2"))]
    path.write_text(end.join([lines[0], "", *lines[1:]]), newline="")
    rows, _ = read_list(path, num_cells=(2, 3))
    assert rows == [(f"{path}:1", ["a", "b", "1"]), (f"{path}:4", ["c", "d", "2"])]


def test_a_list_with_decimal_commas_is_read_unless_commas_part_its_cells(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("1,5;2,5\n")
    rows, numbers = read_list(path, num_cells=(2,))
    assert [numbers.read(cell, "") for cell in rows[0][1]] == [1.5, 2.5]
    path.write_text("1,5,2,5\n")
    with pytest.raises(DataError, match="has 4 columns, wanted 2"):
        read_list(path, num_cells=(2,))


def test_two_hundred_thousand_lines_take_seconds(tmp_path):
    path = tmp_path / "a.csv"
    lines = "".join(f"photos/{n}.jpg;46,{n:06d};7,5\n" for n in range(200_000))
    path.write_text("photo;lat;lon\n" + lines)
    began = time.process_time()
    rows = read(path, path.read_bytes())
    assert time.process_time() - began < 10
    assert len(rows) == 200_000
    assert rows[-1] == (f"{path}:200001", "photos/199999.jpg", 46.199999, 7.5)


@pytest.mark.parametrize("text", ["=1+1", "+a", "-x.jpg", "@sum", "\tx", "\rx", "'=x", "''-x"])
def test_a_guarded_cell_is_no_formula_and_is_read_back(text, tmp_path):
    cell = guarded(text)
    assert cell == f"'{text}"
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as stream:
        stream.write(f'photo,lat,lon\n"{cell}",1,2\n')
    assert [row["photo"] for _, row in read_csv(path, KNOWN)] == [text]


@pytest.mark.parametrize("value", ["a.jpg", "-1", "+41.5", "", "it's", "'quoted'", -3, None, 2.5])
def test_what_is_no_formula_is_written_as_it_is(value):
    assert guarded(value) == value


def test_paths_of_windows_are_read_unless_they_name_a_drive():
    assert slashed("sub\\deep\\a.png", "") == "sub/deep/a.png"
    for text in ("C:\\data\\a.png", "d:/a.png", "\\\\server\\share\\a.png"):
        with pytest.raises(DataError, match="path of Windows"):
            slashed(text, "f.csv:2:file")


def test_numbers_keep_one_decimal_sign_throughout_a_table():
    numbers = Numbers(";")
    assert numbers.read("7", "a") == 7
    assert numbers.read("1,25", "b") == 1.25
    with pytest.raises(DataError, match="decimal point, '1,25' has a comma"):
        numbers.read("1.5", "c")


def test_a_header_of_a_million_columns_is_refused_at_once(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{i}" for i in range(10**6)) + "\n")
    with pytest.raises(DataError, match="1000000 columns"):
        read_csv(path, ["file"])
