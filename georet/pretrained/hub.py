"""Runs in repositories: of the Hugging Face Hub, or of a folder laid out in the same way."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Protocol

from georet.cache import cache_dir
from georet.errors import DataError, IntegrityError, UsageError
from georet.extras import need
from georet.files import replaced_folder, verify
from georet.platforms import sync
from georet.pretrained.layout import LIST, check_files, is_data, read_list
from georet.pretrained.packing import pack_run
from georet.progress import say
from georet.run_layout import CHECKPOINTS, CONFIG
from georet.vouching import check_vouched

PREFIX: Final = "hub:"
FOLDER: Final = "hub"
_NAME: Final = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})(@(?P<revision>[\w./-]{1,100}))?"
)


class Repository(Protocol):
    """Where a run lies: its files by name, and how one comes here."""

    name: str

    def names(self) -> Iterable[str]:
        """Return the names of all files."""

    def fetch(self, name: str, target: Path) -> None:
        """Write a file to ``target``; DataError where it can't be had."""


class FolderRepository:
    """A folder as a repository; links in it are not followed."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)

    def names(self) -> Iterable[str]:
        """Return the names of all files, links included."""
        found = [p for p in self.path.rglob("*") if p.is_symlink() or not p.is_dir()]
        return sorted(path.relative_to(self.path).as_posix() for path in found)

    def fetch(self, name: str, target: Path) -> None:
        """Copy a file; IntegrityError for a link, or for what lies behind one."""
        path = self.path / name
        within = [path, *path.parents][: len(Path(name).parts)]
        if any(part.is_symlink() for part in within):
            raise IntegrityError("is a link; nothing was taken", where=str(path))
        if not path.is_file():
            raise DataError("there is no such file", where=str(path))
        shutil.copyfile(path, target)


class HubRepository:
    """A repository of the Hugging Face Hub, or of the endpoint in ``HF_ENDPOINT``."""

    def __init__(self, name: str, revision: str | None = None) -> None:
        self.name, self.revision = name, revision
        self._hub: Any = need("huggingface_hub", extra="hub", what="a hub")

    def names(self) -> Iterable[str]:
        """Return the names of all files."""
        try:
            found: list[str] = self._hub.HfApi().list_repo_files(self.name, revision=self.revision)
        except Exception as error:  # its client raises many kinds, also of other libraries
            raise self._failed(error) from error
        return found

    def fetch(self, name: str, target: Path) -> None:
        """Download a file."""
        try:
            with tempfile.TemporaryDirectory(prefix="georet-hub-") as folder:
                got = self._hub.hf_hub_download(
                    self.name, name, revision=self.revision, local_dir=folder
                )
                shutil.copyfile(got, target)
        except Exception as error:
            raise self._failed(error) from error

    def push(self, folder: Path, *, private: bool) -> str:
        """Upload a folder's files, in one commit; return the repository's address."""
        try:
            api = self._hub.HfApi()
            url = str(api.create_repo(self.name, private=private, exist_ok=True))
            api.upload_folder(
                repo_id=self.name, folder_path=folder, revision=self.revision,
                commit_message="Push a run of georet",
            )  # fmt: skip
        except Exception as error:
            raise self._failed(error) from error
        return url

    def _failed(self, error: Exception) -> DataError:
        first = str(error).strip().partition("\n")[0]
        return DataError(
            f"{type(error).__name__}: {first}",
            where=f"{PREFIX}{self.name}",
            hint="Is there a network, does the name exist, and are you logged in (hf auth login)? "
            "A folder works as well: hub:/path/to/folder.",
        )


def repository_of(text: str) -> Repository:
    """Return the repository that ``ORG/NAME[@revision]`` or a folder's path names."""
    named = text.removeprefix(PREFIX)
    if Path(named).is_dir() or named.startswith(("/", "./", "../", "~")):
        path = Path(named).expanduser()
        if not path.is_dir():
            raise DataError("there is no such folder", where=named)
        return FolderRepository(path)
    found = _NAME.fullmatch(named)
    if found is None:
        raise UsageError(
            f"{named!r} is no name of a repository", where=text, hint="hub:ORG/NAME[@revision]"
        )
    return HubRepository(found["name"], found["revision"])


def pull(text: str, out: Path) -> Path:
    """Bring a run here as the folder ``out``, verified file by file, or not at all.

    Only what its list names is taken, and only data: other files of the repository, code above
    all, stay where they are. IntegrityError where a file isn't the one that was pushed.
    """
    source = repository_of(text)
    if (out / CONFIG).exists() or (out.is_dir() and any(out.iterdir())):
        raise UsageError("exists already", where=str(out), hint="Choose another --out.")
    names = list(source.names())
    if LIST not in names:
        raise DataError(f"holds no run of georet: {LIST} is missing", where=text)
    others = [name for name in names if name != LIST and not is_data(name)]
    if others:
        shown = ", ".join(others[:5]) + (", ..." if others[5:] else "")
        say(f"note: {text}: not taken, since a run consists of data alone: {shown}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"can't be made: {error.strerror}", where=str(out)) from error
    with replaced_folder(out) as temporary:
        temporary.mkdir(parents=True)
        source.fetch(LIST, temporary / LIST)
        files = read_list(temporary / LIST)
        for name in files:
            target = temporary / name
            target.parent.mkdir(parents=True, exist_ok=True)
            source.fetch(name, target)
            sync(target)
        check_files(temporary, files)
        for folder in sorted((temporary / CHECKPOINTS).glob("*/")):
            verify(folder)
        check_vouched(temporary)
        sync(temporary)
    return out


def pulled(text: str) -> Path:
    """Return the folder in the cache of ``hub:...``, pulled on first use; a folder, verified."""
    slug = re.sub(r"[^A-Za-z0-9._@-]+", "--", text.removeprefix(PREFIX)).strip("-")
    folder = cache_dir() / FOLDER / slug
    source = repository_of(text)
    if isinstance(source, FolderRepository):
        check_files(source.path, read_list(source.path / LIST))
        return source.path
    if not (folder / LIST).is_file():
        pull(text, folder)
    check_files(folder, read_list(folder / LIST))
    return folder


def push(
    run_dir: Path, target: str, *, licence: str, private: bool = True, with_report: bool = True
) -> str:
    """Push a finished run to ``ORG/NAME`` or to a folder, and return where it is now."""
    named = target.removeprefix(PREFIX)
    found = _NAME.fullmatch(named)
    is_folder = named.startswith(("/", "./", "../", "~")) or found is None
    with tempfile.TemporaryDirectory(prefix="georet-push-") as name:
        packed = Path(name) / "run"
        packed.mkdir()
        title = Path(named).name if found is None or is_folder else found["name"]
        pack_run(run_dir, packed, name=title, licence=licence, with_report=with_report)
        if not is_folder and found is not None:
            repository = HubRepository(found["name"], found["revision"])
            return repository.push(packed, private=private)
        out = Path(named).expanduser()
        if out.exists() and any(out.iterdir()) and not (out / LIST).is_file():
            raise UsageError("holds other things", where=str(out), hint="Choose another folder.")
        out.parent.mkdir(parents=True, exist_ok=True)
        with replaced_folder(out) as temporary:
            shutil.copytree(packed, temporary)
    return str(out)
