"""Which georet this is, and which version of the hook contract."""

from importlib.metadata import PackageNotFoundError, version

HOOK_API = 1
"""Version of the hook contract; rises when a hook is removed or changes its meaning."""

try:
    __version__ = version("georet")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
