"""The parts that the page which says how to add them gives as examples."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"


def example(part: str) -> str:
    """The one block of Python below "How to add a `part`"."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## How to add a {part}\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return str(code)
