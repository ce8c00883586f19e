"""Fetches a file of weights, because somebody asked for it; its hash is told and may be checked."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from georet.addresses import shown_url
from georet.errors import DataError, IntegrityError, UsageError
from georet.files import replaced_file

_BLOCK, _LARGEST, _PATIENCE_S = 1 << 20, 4 << 30, 60.0
_LOCAL: Final = ("127.0.0.1", "localhost", "::1")


def fetch(address: str, path: Path, sha256: str | None = None) -> str:
    """Write what lies at an address into a new file; return its SHA-256.

    Only https, and http on this machine. UsageError for another address and a file that is there,
    DataError where it can't be had, IntegrityError where it has another hash than ``sha256``.
    """
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
        raise UsageError("is not https", where=shown_url(address), hint="Give an https address.")
    if path.exists():
        raise UsageError("is there already", where=str(path), hint="Give a new name.")
    if not path.parent.is_dir():
        raise DataError("there is no such folder", where=str(path.parent))
    digest, num = hashlib.sha256(), 0
    try:
        with (
            urllib.request.urlopen(address, timeout=_PATIENCE_S) as stream,  # noqa: S310 - above
            replaced_file(path) as temporary,
            temporary.open("wb") as out,
        ):
            while block := stream.read(_BLOCK):
                num += len(block)
                if num > _LARGEST:
                    raise DataError("has more than 4 GB", where=shown_url(address))
                digest.update(block)
                out.write(block)
            out.flush()
            found = digest.hexdigest()
            if sha256 is not None and found != sha256.lower():
                raise IntegrityError(f"has the SHA-256 {found}", where=shown_url(address))
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise DataError(f"can't be fetched: {error}", where=shown_url(address)) from error
    return found
