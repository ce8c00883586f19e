"""Runs the server: takes the address first, so that what is printed is what is served."""

from __future__ import annotations

import re
import socket
import threading
import webbrowser
from collections.abc import Callable
from contextlib import closing, suppress

import uvicorn

from georet.errors import UsageError
from georet.serve.access import Access, is_loopback
from georet.serve.app import make_app
from georet.serve.patience import Impatient
from georet.serve.site import Site

MIN_TOKEN = 16
_TOKEN = re.compile("[A-Za-z0-9._~-]+")
_MAKE_ONE = "openssl rand -hex 16 prints one."


def check_access(host: str, token: str | None) -> Access:
    """Return the rules of access; UsageError where others could come in without a good token."""
    if token is not None and len(token) < MIN_TOKEN:
        raise UsageError(
            f"the token has {len(token)} characters, at least {MIN_TOKEN} are needed",
            where="--token",
            hint=_MAKE_ONE,
        )
    if token is not None and _TOKEN.fullmatch(token) is None:
        raise UsageError(
            "the token holds characters that don't stand in an address as they are",
            where="--token",
            hint=_MAKE_ONE,
        )
    if token is None and not is_loopback(host):
        raise UsageError(
            f"{host} can be reached from other machines, so a token is needed",
            where="--host",
            hint='Add --token "$(openssl rand -hex 16)", or leave --host out.',
        )
    return Access(host, token, socket.gethostname())


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; UsageError where the address can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError, ValueError, TypeError) as error:
        listener.close()
        raise UsageError(
            f"port {port} of {host} can't be had: {error}",
            hint="--port 0 takes any free one; --host is an address of this machine.",
        ) from error
    return listener


def check_free(host: str, port: int) -> None:
    """Raise UsageError where the address can't be had, before anything slow is begun."""
    bind(host, port).close()


def run(
    site: Site,
    listener: socket.socket,
    access: Access,
    *,
    announce: Callable[[str], None],
    open_browser: bool = True,
) -> None:
    """Serve until Ctrl-C; ``announce`` gets the address as soon as it answers."""
    settings = uvicorn.Config(
        make_app(site, access),
        http=Impatient,
        ws="none",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=256,
        h11_max_incomplete_event_size=32_768,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=5,
    )
    port = listener.getsockname()[1]
    host = access.machine if access.is_wildcard else access.host
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{port}/" + (f"?token={access.token}" if access.token else "")

    def ready() -> None:
        announce(address)
        if open_browser:
            # In a thread: a browser in a terminal would hold the server up.
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    with closing(listener), suppress(KeyboardInterrupt):
        _Server(settings, ready).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()
