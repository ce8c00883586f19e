"""Keeping what other libraries say about their own workings off the terminal."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator

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
