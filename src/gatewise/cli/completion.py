"""What a shell completes of values: words that a flag takes, and ids of runs. Nothing heavy: a person waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gatewise.cli.help import choices
from gatewise.config.flags import Flag


def completer(flag: Flag) -> Callable[[str], Iterator[str]] | None:
    """Completes the values of a flag that names one of several, of one's own parts too; `None` of others."""
    if flag.type is not str:
        return None

    def complete(incomplete: str) -> Iterator[str]:
        yield from (word for word in choices(flag) if word.startswith(incomplete))

    return complete


def preset_names(incomplete: str) -> Iterator[str]:
    """The built-in presets of experiments."""
    from gatewise.config.preset_layer import preset_summaries

    return (name for name in preset_summaries() if name.startswith(incomplete))


def run_ids(incomplete: str) -> Iterator[str]:
    """The trained models of this home, the latest first."""
    from gatewise.registry.folders import run_folders

    return (folder.name for folder in run_folders() if folder.name.startswith(incomplete))


def model_ids(incomplete: str) -> Iterator[str]:
    """The trained models of this home, the latest first, then champions."""
    yield from run_ids(incomplete)
    champions = (f"{name}@champion" for name in champion_names(""))
    yield from (text for text in champions if text.startswith(incomplete))


def all_run_ids(incomplete: str) -> Iterator[str]:
    """The runs of any kind, the latest first."""
    from gatewise.registry.folders import KINDS, run_folders

    return (folder.name for folder in run_folders(*KINDS) if folder.name.startswith(incomplete))


def champion_names(incomplete: str) -> Iterator[str]:
    """Those of the registry; none where it can't be reached."""
    from gatewise.champions.log import open_log
    from gatewise.errors import GatewiseError

    try:
        yield from (name for name in open_log().names() if name.startswith(incomplete))
    except GatewiseError:
        return
