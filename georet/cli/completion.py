"""``georet completion``: the script with which a shell completes georet's commands."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

EPILOG = """Examples:

georet completion bash > ~/.local/share/bash-completion/completions/georet

georet completion zsh > ~/.zfunc/_georet

georet completion fish > ~/.config/fish/completions/georet.fish
"""


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(metavar="bash|zsh|fish")],
) -> None:
    """Print the script that completes commands, options, runs, galleries, recipes, components."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    from georet.cli.app import COMPLETING
    from georet.progress import echo

    echo(get_completion_script(prog_name="georet", complete_var=COMPLETING, shell=shell))
