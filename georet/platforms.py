"""What Linux, macOS and Windows do differently, in one place.

The tests run on Linux. For the others the code was written after their documentation;
`tests/test_platforms.py` imports all of georet without what Windows lacks.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""The signal that ends a process without asking it; on Windows every signal does."""
_STILL_ACTIVE = 259
_QUERY_LIMITED = 0x1000
_DENIED = 5


def is_alive(pid: int) -> bool:
    """Whether a process of this machine has that number; True where that can't be found out."""
    if sys.platform == "win32":
        return _is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_alive_on_windows(pid: int) -> bool:
    # `os.kill(pid, 0)` would be Ctrl+C there, for every process of the console.
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined, unused-ignore]
    handle = kernel.OpenProcess(_QUERY_LIMITED, False, pid)
    if not handle:
        return bool(kernel.GetLastError() == _DENIED)
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == _STILL_ACTIVE


def peak_bytes() -> int | None:
    """Return the most memory in bytes that this process has held so far; None on Windows.

    On Linux that of the program alone: ``ru_maxrss`` there begins with the parent's memory.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        peak = next((line for line in lines if line.startswith("VmHWM:")), None)
        if peak is not None:
            return 1024 * int(peak.split()[1])
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def sync(path: Path) -> None:
    """Force a file, or a folder's entries, to disk."""
    if sys.platform == "win32" and path.is_dir():
        return  # A folder can't be opened there, and its entries are journalled.
    # Windows flushes only what was opened for writing.
    handle = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
