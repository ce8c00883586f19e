"""Other libraries without what they do beside their work: telemetry, talk, the signal stack."""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import TypeVar

from georet.extras import need

_TELEMETRY = "openvino_telemetry"
_Result = TypeVar("_Result")


def import_openvino(what: str = "") -> ModuleType:
    """Import and return ``openvino``; MissingExtraError names the extra."""
    _forbid_telemetry()
    return need("openvino", extra="openvino", what=what)


def import_nncf(what: str = "") -> ModuleType:
    """Import and return ``nncf``; MissingExtraError names the extra."""
    _forbid_telemetry()
    return need("nncf", extra="int8", what=what)


def _forbid_telemetry() -> None:
    """Make both believe that their telemetry package is absent.

    Unless somebody opted out, it reports each conversion to a web service and keeps an identifier
    in the user's home; georet promises that nothing leaves the machine.
    """
    sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]


def in_own_thread(compile_it: Callable[[], _Result]) -> _Result:
    """Call what makes OpenVINO compile in a short-lived thread, and return its result.

    On processors with AMX OpenVINO gives the compiling thread a signal stack of its own. When two
    models were compiled and freed, the thread is left with one that no longer exists, and the next
    signal (Ctrl-C) ends the process with a segmentation fault.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(compile_it).result()


ROOT = ""
"""The name of the root logger."""


@contextlib.contextmanager
def quiet(*names: str) -> Iterator[None]:
    """Let the named loggers report errors alone while entered, and ignore warnings."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
