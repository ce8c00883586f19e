"""All of georet is imported without what Windows lacks; liveness is told by the system."""

from __future__ import annotations

import os
import subprocess
import sys

from georet.platforms import is_alive, peak_bytes, sync

WITHOUT = """
import importlib, pkgutil, os, signal, sys
# What others do on Windows is theirs: they are imported while all is there.
import cv2, filelock, numba, numpy, PIL.Image, pydantic, rich.console, scipy.optimize, timm, torch
import torch.distributed, torch.utils.data, torchvision, typer, multiprocessing.pool
for name in ("fastapi", "httpx", "huggingface_hub", "onnx", "onnxruntime", "pyarrow.parquet",
             "rasterio", "selenium.webdriver", "shapely", "uvicorn", "onnxscript", "pytest"):
    try:
        importlib.import_module(name)
    except ImportError:
        pass
for name in ("fcntl", "resource", "termios", "pwd", "grp"):
    sys.modules[name] = None
for name in ("fork", "getuid", "geteuid", "pread", "pwrite", "posix_fallocate", "memfd_create",
             "sched_getaffinity", "uname", "mkfifo", "killpg", "setsid", "statvfs"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGKILL", "SIGSTOP", "SIGHUP", "SIGUSR1", "SIGALRM", "SIGCHLD"):
    delattr(signal, name)
failed = []
packages = sys.argv[1:]
for package in packages:
    root = importlib.import_module(package)
    for found in pkgutil.walk_packages(root.__path__, package + "."):
        if found.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(found.name)
        except Exception as error:
            if "is not installed" not in str(error) and not isinstance(error, ModuleNotFoundError):
                failed.append(f"{found.name}: {type(error).__name__}: {error}")
            elif isinstance(error, ModuleNotFoundError) and error.name in ("fcntl", "resource"):
                failed.append(f"{found.name}: needs {error.name}")
print(*failed, sep="\\n")
"""


PACKAGES = ("georet", "georet_sample4geo", "georet_orbitview", "georet_datasets", "georet_export")


def test_nothing_of_georet_needs_at_import_what_windows_lacks():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *PACKAGES], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_a_process_is_alive_until_it_was_waited_for():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_alive(process.pid)
    assert is_alive(os.getpid())
    process.communicate(b"\n")
    assert not is_alive(process.pid)


def test_a_process_of_somebody_else_is_alive():
    assert is_alive(1)


def test_the_peak_remembers_memory_that_was_let_go():
    before = peak_bytes()
    held = bytearray(64 << 20)
    held[::4096] = b"x" * len(held[::4096])
    del held
    assert peak_bytes() >= before


def test_files_and_folders_are_synced(tmp_path):
    (tmp_path / "file").write_bytes(b"1")
    sync(tmp_path / "file")
    sync(tmp_path)
