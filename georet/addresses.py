"""Addresses as they may be shown and kept: without passwords, keys and signatures."""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = re.compile(
    r"(layers?|styles?|format|version|request|service|crs|srs|bbox|width|height|transparent|"
    r"tilematrix(set)?|tilerow|tilecol|time|x|y|z|f|collections?|datetime|limit|map)",
    re.IGNORECASE,
)
"""Parameters that every service has, and that nobody pays for."""
_USERINFO: Final = re.compile(r"(?<=://)[^/@\s]*@")
_PARAMETER: Final = re.compile(
    r"(?P<rest>#[^\s'\"]*)|(?P<mark>[?&])(?P<key>[^=&#\s]+)=(?P<value>[^&#\s'\"]*)"
)
_HIDDEN: Final = "***"


def shown_url(text: str) -> str:
    """Return text with the passwords and the parameters of addresses in it hidden.

    What a placeholder stands for, ``{z}`` or ``{env:KEY}``, isn't in it and stays.
    """

    def parameter(found: re.Match[str]) -> str:
        mark, key, value = found["mark"], found["key"], found["value"]
        if found["rest"] is not None:
            return found[0]  # never sent, so that nobody writes a key there
        is_plain = _PLAIN.fullmatch(key) or (value.startswith("{") and value.endswith("}"))
        return found[0] if is_plain or not value else f"{mark}{key}={_HIDDEN}"

    return _PARAMETER.sub(parameter, _USERINFO.sub(f"{_HIDDEN}@", text))
