"""Help pages: options in groups, each with its default and its choices, which the config's schema says on demand.

The schema takes a fifth of a second to import, so that only the page of a command that has such flags reads it.
"""

from __future__ import annotations

import re
from inspect import cleandoc
from itertools import groupby
from typing import Any

from typer.core import TyperCommand, TyperOption

from gatewise.config.flags import GROUPS, NOT_TYPED, OUTPUT, Flag

_KINDS = {"str": "TEXT", "list[str]": "TEXT", "int": "N", "int range": "N", "float": "X", "float range": "X"}
_KINDS |= {"path": "FILE"}
_UNGROUPED = "Options"
_NAMES = 22  # characters; longer names have a line of their own


class Command(TyperCommand):
    """A command whose options stand under the headings of `config.flags.GROUPS`."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes arguments, then options, group by group."""
        flags: dict[str, Flag] = getattr(self.callback, "flags", {})
        as_trained = getattr(self.callback, "as_trained", False)
        arguments, options = [], []
        for param in self.get_params(ctx):
            if record := param.get_help_record(ctx):
                names = re.sub(r"<([^<>]+)>", lambda match: _KINDS.get(match[1], match[1].upper()), record[0])
                if isinstance(param, TyperOption):
                    facts = _flag_facts(flags[param.name], as_trained) if param.name in flags else _facts(param)
                    options.append((_group(param), names, f"{param.help or ''}  {facts}".strip()))
                else:
                    arguments.append((names, record[1]))
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(arguments)
        places = [_UNGROUPED, *GROUPS]
        options.sort(key=lambda option: places.index(option[0]))
        width = max((len(names) for _, names, _ in options if len(names) <= _NAMES), default=0)  # the same for all
        for group, rows in groupby(options, lambda option: option[0]):
            with formatter.section(group):
                formatter.write_dl([(names.ljust(width), text) for _, names, text in rows], col_max=_NAMES)

    def get_short_help_str(self, limit: int = 45) -> str:
        """One line for lists of commands; what is too long ends with a clause, not within one."""
        text = super().get_short_help_str(limit)
        if not text.endswith("..."):
            return text
        whole = re.match(r"(.*?)[:;]", text) or re.match(r"(.*),", text)
        return f"{whole[1]}." if whole else text

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Writes the words, examples as a shell takes them: a line that goes on ends in a backslash."""
        words, *examples = cleandoc(self.help or "").split("\n\nExample: ")
        with formatter.indentation():
            formatter.write_paragraph()
            formatter.write_text(words)
            for example in examples:
                formatter.write_paragraph()
                formatter.write_text("\b\n" + "\n".join(_shell_lines(f"Example: {example}", formatter.width - 2)))


def _shell_lines(command: str, width: int) -> list[str]:
    """Lines of a command, broken before options alone."""
    first, *options = re.split(r" (?=--?[a-z])", " ".join(command.split()))
    lines = [first]
    for option in options:
        if len(lines[-1]) + len(option) + 3 <= width:
            lines[-1] += f" {option}"
        else:
            lines[-1] += " \\"
            lines.append(f"    {option}")
    return lines


def choices(flag: Flag) -> list[str]:
    """The words that a flag takes; none where it takes others."""
    from gatewise.config.fields import choices_at

    return [word for word in choices_at(flag.field) if word not in NOT_TYPED]


def default(flag: Flag) -> str:
    """What a flag is where it is not given, as one would type it."""
    from gatewise.config.fields import default_at

    value = default_at(flag.field)
    if value is None or value in ((), ""):
        return flag.unset
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _flag_facts(flag: Flag, as_trained: bool) -> str:
    words = choices(flag)
    return f"[{', '.join(words)}{'; ' * bool(words)}default: {'as trained' if as_trained else default(flag)}]"


def _facts(option: TyperOption) -> str:
    if isinstance(option.show_default, str):
        return f"[default: {option.show_default}]"
    if option.required:
        return "[required]"
    value = option.default
    return "" if value in (None, False, "", [], ()) else f"[default: {value}]"


def _group(option: TyperOption) -> str:
    return option.rich_help_panel or (OUTPUT if option.name in ("help", "as_json", "quiet") else _UNGROUPED)
