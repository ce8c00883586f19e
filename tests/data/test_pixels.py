"""The cache of decoded images: the pixels of reading, whatever happens to it and to the files."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
import torch
from PIL import Image

from georet.data.images import RESIZE_RULE, read_image
from georet.data.loader import ImageLoader, PairLoader
from georet.data.pixels import PixelStore, store_of
from georet.data.resizing import RULES
from georet.data.transforms import ColourJitter, Flip, JpegArtefacts
from georet.errors import DataError

SIZE = (12, 17)


@pytest.fixture
def paths(make_pairs) -> list[Path]:
    return make_pairs(num=9).queries.paths


@pytest.fixture
def opened(tmp_path, paths):
    """A function that opens the store, as another process would."""
    return lambda: store_of(str(tmp_path / "cache"), paths, SIZE, RESIZE_RULE, 10**6)


@pytest.fixture
def decoded(monkeypatch) -> list[Path]:
    """The files that are decoded from now on."""
    from georet.data import pixels

    found, decode = [], pixels.decode_image

    def noted(data, path, **options):
        found.append(path)
        return decode(data, path, **options)

    monkeypatch.setattr(pixels, "decode_image", noted)
    return found


def wanted(path: Path):
    return read_image(path, size=SIZE, rule=RESIZE_RULE)


def fill(store: PixelStore, paths) -> None:
    for path in paths:
        assert np.array_equal(store.read(path), wanted(path))


@pytest.mark.parametrize("rule", RULES)
def test_kept_images_are_those_of_reading_under_every_rule(tmp_path, paths, rule):
    for _ in range(2):
        store = store_of(str(tmp_path), paths, SIZE, rule, 10**6)
        for path in paths:
            assert np.array_equal(store.read(path), read_image(path, size=SIZE, rule=rule))


def test_what_is_kept_is_decoded_once_for_all_who_ask(opened, paths, decoded):
    fill(opened(), paths)
    assert decoded == paths
    fill(opened(), paths)
    fill(pickle.loads(pickle.dumps(opened())), paths)
    assert decoded == paths


def test_another_size_or_rule_is_another_store(tmp_path, paths):
    folders = {
        store_of(str(tmp_path), paths, size, rule, 10**6).folder
        for size in (SIZE, (12, 16))
        for rule in RULES
    }
    assert len(folders) == 2 * len(RULES)


def test_a_changed_file_is_noticed_even_with_its_old_size_and_time(opened, paths, decoded):
    store = opened()
    Image.new("RGB", (30, 30), "red").save(paths[2], "BMP")
    fill(store, paths)
    decoded.clear()
    told = paths[2].stat()
    Image.new("RGB", (30, 30), "blue").save(paths[2], "BMP")
    os.utime(paths[2], ns=(told.st_atime_ns, told.st_mtime_ns))
    assert paths[2].stat().st_size == told.st_size
    fill(store, paths)
    assert decoded == [paths[2]]


def test_a_file_that_was_only_touched_is_not_decoded_again(opened, paths, decoded):
    store = opened()
    fill(store, paths)
    decoded.clear()
    os.utime(paths[0])
    fill(store, paths)
    assert decoded == []


def test_a_file_that_is_gone_or_damaged_is_told_as_without_a_cache(opened, paths):
    store = opened()
    fill(store, paths)
    paths[0].unlink()
    paths[1].write_bytes(b"no image")
    for path in paths[:2]:
        with pytest.raises(DataError) as without:
            wanted(path)
        with pytest.raises(DataError, match=str(path)) as told:
            store.read(path)
        assert told.value.what == without.value.what


@pytest.mark.parametrize("name", ["pixels.bin", "entries.bin"])
@pytest.mark.parametrize("start", [0, 3000])
def test_lost_blocks_are_decoded_again(opened, paths, decoded, name, start):
    """What a power cut leaves: zeros where something had been written."""
    fill(opened(), paths)
    decoded.clear()
    path = opened().folder / name
    content = bytearray(path.read_bytes())
    start %= len(content)
    content[start : start + 100] = bytes(100)
    path.write_bytes(content)
    fill(opened(), paths)
    assert 1 <= len(decoded) <= 4


def _fill_for_ever(store: PixelStore, paths: list[Path], go) -> None:
    foreign = store._files.entry(store._slots[str(paths[0])])
    go.wait()
    while True:
        for path in paths:
            # Another image's entry makes it worthless, so that there is always something to write.
            store._files.write_entry(store._slots[str(path)], foreign)
            store.read(path)


def test_processes_that_write_at_once_and_are_killed_leave_right_pixels(opened, paths):
    fork = multiprocessing.get_context("fork")
    fill(opened(), paths[:1])
    for turn in range(5):
        go = fork.Event()
        writers = [fork.Process(target=_fill_for_ever, args=(opened(), paths, go)) for _ in "ab"]
        for writer in writers:
            writer.start()
        go.set()
        reader, until = opened(), time.monotonic() + 0.1 * (1 + turn)
        while time.monotonic() < until:
            fill(reader, paths)
        for writer in writers:
            assert writer.is_alive()
            os.kill(writer.pid, signal.SIGKILL)
            writer.join()
        fill(opened(), paths)


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, paths, monkeypatch):
    usage = type("Usage", (), {"free": 10})()
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"GB are needed.*free"):
        store_of(str(tmp_path / "cache"), paths, SIZE, RESIZE_RULE, 10**6)


def test_its_size_is_announced_once(opened, capsys):
    first, _ = opened(), opened()
    told = capsys.readouterr().err
    assert told.count("data.cache keeps 9 images of 17 x 12") == 1
    assert first.num_bytes >= 9 * 12 * 17 * 3


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_same_with_and_without(tmp_path, make_pairs, make_plan, workers):
    table = make_pairs()

    def batches(cache):
        options = {"joint": [Flip()], "augment": {"query": [ColourJitter()]}, "seed": 3}
        size = {"query": SIZE, "reference": (20, 20)}
        with PairLoader(table, size=size, workers=workers, cache=cache, **options) as loader:
            return [b.images for e in range(2) for b in loader.epoch(make_plan(epoch=e))]

    for with_it, without in zip(batches(str(tmp_path / "c")), batches(None), strict=True):
        assert all(torch.equal(with_it[view], without[view]) for view in without)


def test_mining_and_training_share_a_store(tmp_path, make_pairs, make_plan, decoded):
    table, cache = make_pairs(), str(tmp_path / "c")
    size = {"query": SIZE, "reference": SIZE}
    with PairLoader(table, size=size, seed=0, cache=cache) as loader:
        list(loader.epoch(make_plan()))
    num = len(decoded)
    assert num == 48
    list(ImageLoader(table.queries, size=SIZE, batch_size=5, cache=cache))
    assert len(decoded) == num


def test_views_changed_before_the_resize_are_not_kept_and_that_is_said(
    tmp_path, make_pairs, make_plan, capsys
):
    augment = {"query": [JpegArtefacts()]}
    size = {"query": SIZE, "reference": SIZE}
    cache = str(tmp_path / "c")
    with PairLoader(make_pairs(), size=size, seed=0, augment=augment, cache=cache) as loader:
        list(loader.epoch(make_plan()))
    told = capsys.readouterr().err
    assert "training images of query are not kept, JpegArtefacts changes them" in told
    assert len(list(Path(cache).iterdir())) == 1


def test_the_second_epoch_takes_less_than_a_third_of_the_first(tmp_path):
    rng, paths = np.random.default_rng(0), [tmp_path / f"{i}.jpg" for i in range(8)]
    for path in paths:
        noisy = rng.normal(120, 40, (512, 1024, 3)).clip(0, 255).astype(np.uint8)
        path.write_bytes(simplejpeg.encode_jpeg(noisy, quality=80))
    store = store_of(str(tmp_path / "c"), paths, (192, 384), RESIZE_RULE, 10**7)
    spent = []
    for _ in range(2):
        started = time.thread_time()
        for path in paths:
            store.read(path)
        spent.append(time.thread_time() - started)
    assert spent[1] < spent[0] / 3
