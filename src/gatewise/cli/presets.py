"""What `--preset list` and `gatewise config presets` say; below `cli.flags`, so that any command's option can."""

from __future__ import annotations

import json


def print_presets(as_json: bool) -> None:
    """The built-in presets of experiments, and what each is for."""
    from gatewise.config.preset_layer import preset_summaries

    summaries = preset_summaries()
    if as_json:
        print(json.dumps({"presets": [{"name": name, "summary": text} for name, text in summaries.items()]}))
        return
    width = max(map(len, summaries))
    for name, text in summaries.items():
        print(f"{name.ljust(width)}  {text}")
    print("One's own is named by its path: --preset ./mine.yaml")
