"""`gatewise predict`: rows in, predictions out, through a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gatewise.cli.flags import DATA_FLAGS, Said, config_flags


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("predict")(predict)


@config_flags(*DATA_FLAGS)
def predict(
    said: Said,
    model: Annotated[str, typer.Option("--model", help="Run id (or enough of its start), run or bundle folder.")],
    output: Annotated[Path, typer.Option("-o", "--output", help=".csv or .parquet.")] = Path("predictions.csv"),
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1.")] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", help="No words on the way.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Score every row that has a full, gap-free window; files are read as the training files were.

    Example: gatewise predict --model 3f2a --data new.parquet -o predictions.csv
    """
    from gatewise.cli.output import print_json, set_up_logging
    from gatewise.files import require_frame_suffix, write_frame
    from gatewise.registry.folders import find_bundle

    set_up_logging(quiet)
    require_frame_suffix(output)
    folder = find_bundle(model)

    from gatewise.bundle import Bundle
    from gatewise.data.load import load_table

    bundle = Bundle.load(folder)
    predictions = bundle.predict(load_table(bundle.reading(said.file, said.assignments, said.overrides)), device=device)
    write_frame(output, predictions)
    if as_json:
        print_json({"rows": predictions.height, "output": str(output)})
    else:
        print(f"{predictions.height:,} predictions in {output}")
