from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image

from georet.data.images import RESIZE_RULE, read_image, resize
from georet.data.resizing import FAST
from georet.errors import DataError
from georet.types import Pixels


def saved(picture: Pixels, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return buffer.getvalue()


def png_bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    body = struct.pack(">I", len(header)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data = b"IDAT" + zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n"
        + body
        + struct.pack(">I", len(data) - 4)
        + data
        + struct.pack(">I", zlib.crc32(data))
    )


def jpeg_bomb(picture: Pixels) -> bytes:
    data = bytearray(simplejpeg.encode_jpeg(picture))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 60_000)
    return bytes(data)


BAD: dict[str, tuple[Callable[[Pixels], bytes | None], str]] = {
    "missing": (lambda p: None, "missing"),
    "zero bytes": (lambda p: b"", "empty"),
    "one byte": (lambda p: b"\xff", "not a JPEG"),
    "text": (lambda p: b"<html>404</html>", "not a JPEG, PNG"),
    "gif": (lambda p: saved(p, "GIF"), "not a JPEG, PNG"),
    "half a jpeg": (lambda p: saved(p, "JPEG")[:1500], "JPEG is truncated"),
    "jpeg without its end": (lambda p: saved(p, "JPEG")[:-2], "JPEG is truncated"),
    "jpeg magic only": (lambda p: b"\xff\xd8\xff\xe0", "JPEG is truncated"),
    "half a png": (lambda p: saved(p, "PNG")[:1500], "PNG is truncated"),
    "png magic only": (lambda p: b"\x89PNG\r\n\x1a\n", "PNG is truncated"),
    "half a webp": (lambda p: saved(p, "WEBP")[:300], "WEBP is truncated"),
    "half a bmp": (lambda p: saved(p, "BMP")[:1500], "BMP is truncated"),
    "half a tiff": (lambda p: saved(p, "TIFF")[:1500], "TIFF is truncated"),
    "png bomb": (lambda p: png_bomb(), "3,600,000,000 pixels"),
    "jpeg bomb": (jpeg_bomb, "3,600,000,000 pixels"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("fault", BAD)
def test_a_bad_file_is_an_error_that_names_it_and_says_what_to_do(
    fault: str, tmp_path: Path, picture: Pixels
) -> None:
    make, message = BAD[fault]
    path, data = tmp_path / "tile-17.jpg", make(picture)
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        read_image(path)
    assert caught.value.where == str(path)
    assert caught.value.hint


def test_a_folder_in_place_of_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't be read"):
        read_image(tmp_path)


def test_a_float_tiff_is_refused_rather_than_clipped(tmp_path: Path) -> None:
    path = tmp_path / "height.tif"
    Image.fromarray(np.ones((8, 8), np.float32) * 0.5).save(path)
    with pytest.raises(DataError, match="don't fit into 8 bits"):
        read_image(path)


def test_the_cap_counts_pixels_before_decoding(tmp_path: Path, picture: Pixels) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(saved(picture, "JPEG"))
    assert read_image(path, max_pixels=96 * 96).shape == (96, 96, 3)
    with pytest.raises(DataError, match="9,216 pixels, the cap is 9,215"):
        read_image(path, max_pixels=96 * 96 - 1)


@pytest.mark.parametrize(("kind", "tolerance"), [("PNG", 0), ("TIFF", 0), ("BMP", 0), ("WEBP", 9)])
def test_kinds_are_told_by_content_whatever_the_suffix(
    kind: str, tolerance: int, tmp_path: Path, picture: Pixels
) -> None:
    path = tmp_path / "wrong.jpg"
    path.write_bytes(saved(picture, kind, quality=100) if kind == "WEBP" else saved(picture, kind))
    read = read_image(path)
    assert read.dtype == np.uint8
    assert np.abs(read.astype(int) - picture).mean() <= tolerance


def test_a_jpeg_under_another_suffix_reads_as_rgb(tmp_path: Path, picture: Pixels) -> None:
    path = tmp_path / "wrong.png"
    path.write_bytes(saved(picture, "JPEG", quality=98))
    assert np.abs(read_image(path).astype(int) - picture).mean() < 4


def test_grey_and_cmyk_jpegs_become_rgb(tmp_path: Path, picture: Pixels) -> None:
    for mode in ("L", "CMYK"):
        path = tmp_path / f"{mode}.jpg"
        Image.fromarray(picture).convert(mode).save(path, "JPEG", quality=98)
        expected = np.asarray(Image.fromarray(picture).convert(mode).convert("RGB"))
        assert np.abs(read_image(path).astype(int) - expected).mean() < 4


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_cmyk_jpegs_of_any_subsampling_keep_their_colours(
    tmp_path: Path, subsampling: int, progressive: bool
) -> None:
    inks = np.zeros((40, 60, 4), np.uint8)
    inks[:20, :, 3], inks[20:, :30, 0], inks[20:, 30:, 1] = 90, 200, 160
    image, path = Image.fromarray(inks, "CMYK"), tmp_path / "cmyk.jpg"
    exif = Image.Exif()
    exif[0x0112] = 3
    image.save(path, subsampling=subsampling, progressive=progressive, quality=98, exif=exif)
    read = read_image(path).astype(int)[::-1, ::-1]
    np.testing.assert_allclose(read[4:16, 4:56], 165, atol=3)
    np.testing.assert_allclose(read[24:36, 4:26], np.full((12, 22, 3), (55, 255, 255)), atol=3)
    np.testing.assert_allclose(read[24:36, 34:56], np.full((12, 22, 3), (255, 95, 255)), atol=3)
    small = read_image(path, size=(10, 15), rule=RESIZE_RULE + FAST)
    assert small.shape == (10, 15, 3)


def test_a_torn_or_huge_cmyk_jpeg_is_refused(tmp_path: Path, picture: Pixels) -> None:
    path = tmp_path / "cmyk.jpg"
    Image.fromarray(picture).convert("CMYK").save(path, subsampling=2)
    with pytest.raises(DataError, match="the cap is"):
        read_image(path, max_pixels=100)
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(DataError, match="JPEG is truncated"):
        read_image(path)


def test_png_varieties_become_eight_bit_rgb(tmp_path: Path, picture: Pixels) -> None:
    deep = picture.astype(np.uint16) * 256 + 7
    cv2.imwrite(str(tmp_path / "deep.png"), deep[..., ::-1])
    cv2.imwrite(str(tmp_path / "deep-grey.png"), deep[..., 0])
    Image.fromarray(picture).convert("RGBA").save(tmp_path / "alpha.png")
    Image.fromarray(picture[..., 0]).save(tmp_path / "grey.png")
    grey = np.repeat(picture[..., :1], 3, axis=2)
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png"), picture)
    np.testing.assert_array_equal(read_image(tmp_path / "deep-grey.png"), grey)
    np.testing.assert_array_equal(read_image(tmp_path / "alpha.png"), picture)
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png"), grey)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_a_jpeg_upright_as_opencv_does(
    orientation: int, tmp_path: Path
) -> None:
    stored = np.zeros((48, 96, 3), np.uint8)
    stored[:24, :48], stored[24:, 48:] = (255, 0, 0), (0, 0, 255)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "phone.jpg"
    Image.fromarray(stored).save(path, "JPEG", quality=100, subsampling=0, exif=exif)
    upright = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    read = read_image(path)
    assert read.shape == upright.shape
    assert np.abs(read.astype(int) - upright).max() < 8
    small = read_image(
        path, size=(upright.shape[0] // 4, upright.shape[1] // 4), rule=RESIZE_RULE + FAST
    )
    assert np.abs(small.astype(int) - upright[::4, ::4]).mean() < 8


def test_resizing_is_bilinear_with_half_pixel_centres() -> None:
    image = np.zeros((1, 4, 3), np.uint8)
    image[0, :, 0] = [0, 100, 200, 40]
    np.testing.assert_array_equal(resize(image, (1, 2), "bilinear-exact")[0, :, 0], [50, 120])
    np.testing.assert_array_equal(
        resize(image, (1, 8), "bilinear-exact")[0, :4, 0], [0, 25, 75, 125]
    )
    assert resize(image, (1, 4), "bilinear-exact") is image


def test_fast_reading_stays_close_to_full_reading(tmp_path: Path) -> None:
    coarse = np.random.default_rng(3).integers(0, 256, (24, 48, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (1024, 512), interpolation=cv2.INTER_CUBIC)
    path = tmp_path / "panorama.jpg"
    path.write_bytes(simplejpeg.encode_jpeg(image, quality=90))
    full = read_image(path, size=(140, 768)).astype(float)
    fast = read_image(path, size=(140, 768), rule=RESIZE_RULE + FAST)
    assert fast.shape == (140, 768, 3)
    psnr = 10 * np.log10(255**2 / np.mean((full - fast) ** 2))
    assert psnr > 30
    assert not np.array_equal(full, fast)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_file_is_an_error(tmp_path: Path, picture: Pixels) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(saved(picture, "JPEG"))
    path.chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        read_image(path)
