"""What TensorRT says while it works: it explains its failures in its log, and nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

FAULTS = frozenset({"ERROR", "INTERNAL_ERROR"})
NO_DRIVER = "cudaError 35"
"""CUDA's number for a driver that is missing or too old."""
_ECHO = "catchCudaError"
_WRAPPED = re.compile(r"^\S+: Error Code \d+: [^(]*\((?P<reason>.*)\)$", re.DOTALL)
_QUOTED = re.compile(r'&& "(?P<reason>.*)"$', re.DOTALL)
_SOURCE = re.compile(r"[ .]*\bIn \w+ at \S+?:\d+|^\[\w+\.cpp:\d+: \w+\] ")


@dataclass
class Log:
    """The messages of one build or load, in order: severity (``ERROR``, ``INFO``, ...) and text."""

    messages: list[tuple[str, str]] = field(default_factory=list)

    def faults(self) -> list[str]:
        """Return what went wrong, tidied, first things first, each once.

        A machine without a driver adds an echo of CUDA's complaint to every error; it is dropped.
        """
        said = (text for severity, text in self.messages if severity in FAULTS)
        return list(dict.fromkeys(part for text in said for part in tidy(text)))

    def bytes_of(self, what: str) -> int | None:
        """Return n of the last message ``Total <what> Memory: n bytes``, or None."""
        pattern = re.compile(rf"^Total {what} Memory: (\d+) bytes$")
        found = [match for _, text in self.messages if (match := pattern.match(text))]
        return int(found[-1][1]) if found else None


def tidy(text: str) -> list[str]:
    """Return the reasons in a message, one a line, without TensorRT's own source positions."""
    lines = [line.strip() for line in text.splitlines()]
    return [reason for line in lines if _ECHO not in line and (reason := _bare(line))]


def _bare(line: str) -> str:
    for wrapping in (_WRAPPED, _QUOTED):
        if match := wrapping.search(line):
            line = match["reason"]
    return _SOURCE.sub("", line).strip()


def collecting_logger(trt: ModuleType, log: Log) -> Any:
    """Return an ``ILogger`` of this TensorRT that writes into ``log`` and nowhere else.

    TensorRT keeps no reference of its own: hold the logger as long as anything made with it lives.
    """

    def start(self: Any) -> None:
        trt.ILogger.__init__(self)

    def collect(_self: Any, severity: Any, message: str) -> None:
        log.messages.append((str(severity).rpartition(".")[2], message))

    # The base class is known only here: TensorRT and TensorRT-RTX each have their own.
    return type("CollectingLogger", (trt.ILogger,), {"__init__": start, "log": collect})()
