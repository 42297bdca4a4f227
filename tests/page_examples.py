"""What pages give as examples: parts of one's own, blocks of Python, lines for a shell."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def example(part: str) -> str:
    """The one block of Python below "How to add a `part`"."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## How to add a {part}\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return str(code)


def python_blocks(page: Path) -> list[str]:
    """Blocks of Python, in order."""
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def shell_commands(page: Path) -> list[list[str]]:
    """The words after `gatewise` of each command line of a page, in order; lines with `…` or `...` are no commands."""
    commands = []
    for line in re.findall(r"^ {4}(gatewise .*)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        if "…" in line or "..." in line:
            continue
        words: list[str] = []
        for word in (*shlex.split(line.replace(";", " ; "), comments=True), ";"):
            if word != ";":
                words.append(word)
            elif words:
                commands.append(words[1:])
                words = []
    return commands
