"""Takes a photo in: type, size and time are limited, the name on disk is random and short-lived."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from georet.data.kinds import HEAD, KINDS_IN_WORDS, kind_of, refusal
from georet.serve.access import Refusal

MAX_BYTES = 100 * 1024 * 1024
TIME_LIMIT_S = 60.0
_HUNG_UP_AT = 2 * MAX_BYTES
"""Up to here a photo that is too big is read and thrown away, so that its sender hears why."""
_TYPES = frozenset(
    f"image/{kind}"
    for kind in ["jpeg", "jpg", "png", "tiff", "webp", "bmp", "x-ms-bmp", "avif", "heic", "heif"]
) | {"application/octet-stream"}


class RefusedError(Exception):
    """The upload can't be taken; ``refusal`` is the answer."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.error)
        self.refusal = refusal


@asynccontextmanager
async def received(request: Request, folder: Path) -> AsyncIterator[Path]:
    """Yield the file that holds the request's body and delete it afterwards; else RefusedError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _TYPES:
        hint = f"Send it as image/jpeg or alike; {KINDS_IN_WORDS}."
        raise RefusedError(Refusal(415, f"{kind[:80]!r} is no photo's type", hint))
    path = folder / secrets.token_hex(16)
    try:
        await _store(request, path)
        _check_kind(path)
        yield path
    finally:
        path.unlink(missing_ok=True)


async def _store(request: Request, path: Path) -> None:
    announced = request.headers.get("content-length", "0")
    num_bytes = int(announced) if announced.isdecimal() and len(announced) < 16 else _HUNG_UP_AT
    try:
        async with asyncio.timeout(TIME_LIMIT_S):
            if num_bytes < _HUNG_UP_AT:
                num_bytes = await _copy(request, path)
    except TimeoutError:
        refusal = Refusal(408, f"the photo took more than {TIME_LIMIT_S:g} s to arrive")
        raise RefusedError(refusal) from None
    except ClientDisconnect:
        raise RefusedError(Refusal(400, "the connection broke before the photo's end")) from None
    if num_bytes > MAX_BYTES:
        raise RefusedError(Refusal(413, f"the photo has more than {MAX_BYTES:,} bytes"))


async def _copy(request: Request, path: Path) -> int:
    """Write the body as far as it may go; return how many bytes came."""
    num_bytes = 0
    with path.open("xb") as stream:
        path.chmod(0o600)
        async for chunk in request.stream():
            num_bytes += len(chunk)
            if num_bytes <= MAX_BYTES:
                stream.write(chunk)
            elif num_bytes > _HUNG_UP_AT:
                break
    return num_bytes


def _check_kind(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if not head:
        raise RefusedError(Refusal(422, "the photo is empty (0 bytes)"))
    if kind_of(head) is None:
        error = refusal(head, path)
        what = error.what.replace("not a ", "the file is no ", 1)
        raise RefusedError(Refusal(415, what, error.hint or ""))
