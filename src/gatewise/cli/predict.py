"""`gatewise predict`: rows in, predictions out, through a bundle."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatewise.cli.flags import A_MODEL, ConfigFlags, config_flags
from gatewise.config.flags import DATA_FLAGS, MACHINE, MODEL, OUTPUT

if TYPE_CHECKING:
    from gatewise.config.schema import DataConfig


# Flag -> what goes to its file.
_WHAT = {"-o": "predictions", "--hidden-states": "hidden states", "--attention": "attention weights"}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("predict")(predict)


@config_flags(*DATA_FLAGS, as_trained=True)
def predict(
    flags: ConfigFlags,
    model: Annotated[str, A_MODEL],
    output: Annotated[Path, typer.Option("-o", "--output", help=".csv or .parquet.", rich_help_panel=OUTPUT)] = Path(
        "predictions.csv"
    ),
    hidden_states: Annotated[
        Path | None,
        typer.Option(
            "--hidden-states",
            help="Write each row's last hidden state too: .parquet or .csv.",
            show_default="none",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    attention: Annotated[
        Path | None,
        typer.Option(
            "--attention",
            help="Write how much each step of a row's window counted too: .parquet or .csv.",
            show_default="none",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    model_type: Annotated[
        str | None,
        typer.Option("--model-type", help="Which kind the model must be.", show_default="any", rich_help_panel=MODEL),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1.", rich_help_panel=MACHINE)] = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No words on the way.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Score new rows with a trained model.

    Every row that has a full, gap-free window; files are read as the training files were.

    Example: gatewise predict --model 3f2a --data new.parquet -o predictions.csv

    Example: gatewise predict --model 3f2a --data new.parquet --hidden-states states.parquet
    """
    from gatewise.champions.named import find_model
    from gatewise.cli.output import print_json, print_sentence, set_up_logging
    from gatewise.errors import NotEnoughRowsError, StorageError
    from gatewise.files import require_frame_suffix, write_frames

    set_up_logging(quiet)
    given = {"-o": output, "--hidden-states": hidden_states, "--attention": attention}
    places = {flag: place.expanduser() for flag, place in given.items() if place is not None}
    for flag, place in places.items():
        _refuse_a_place(place, flag)
        require_frame_suffix(place)
    _refuse_one_place(places)
    folder = find_model(model)

    from gatewise.bundle import Bundle, predicted_parts
    from gatewise.data.load import load_table
    from gatewise.data.origin import stamp_names, stamp_words, with_stamps

    bundle = Bundle.load(folder)
    _require_kind(bundle.record.config.model.name, model_type)
    spec = bundle.reading(flags.file, flags.assignments, flags.overrides)
    for flag, place in places.items():
        _refuse_an_input(place, flag, spec)
    try:
        table = load_table(spec, unnamed=bundle.only_symbol)
    except NotEnoughRowsError as error:
        needed = f"a prediction of this model takes {bundle.rows_needed} gap-free rows"
        raise NotEnoughRowsError(error.message, f"{needed}; {error.hint}" if error.hint else needed) from error
    if bundle.only_symbol is not None and bundle.only_symbol not in table.symbols:
        logging.getLogger("gatewise.predict").info(
            "the model was trained on %s alone, and these rows are of %s; where they are the same: data.symbol=%r",
            bundle.only_symbol, ", ".join(table.symbols[:3]), bundle.only_symbol,
        )  # fmt: skip
    warnings: list[str] = []

    def warn(warning: str) -> None:
        logging.getLogger("gatewise.predict").warning("%s", warning)
        warnings.append(warning)

    stamps = stamp_names(table, bundle.predicted_columns)
    frames = {"-o": predicted_parts(bundle, table, device, warn)}
    widths = {}
    for flag, read in (("--hidden-states", bundle.hidden_states), ("--attention", bundle.step_weights)):
        if flag in places:
            inside = read(table, device)
            frames[flag], widths[flag] = iter([inside]), inside.width - 2
    rows = 0
    for flag, parts in frames.items():
        try:
            rows = write_frames(places[flag], (with_stamps(frame, table) for frame in parts))
        except StorageError as error:
            raise StorageError(error.message, f"free some space, or name a file elsewhere: {flag} FILE") from error
    if as_json:
        names = {"-o": "output", "--hidden-states": "hidden_states", "--attention": "attention"}
        written = {names[flag]: str(place) for flag, place in places.items()}
        print_json({"rows": rows, **written, "unit": bundle.spec.unit, "stamps": stamps, "warnings": warnings})
    else:
        print(f"{rows:,} prediction{'' if rows == 1 else 's'} in {places['-o']}")
        units = {"--hidden-states": "units", "--attention": "steps"}
        for flag, width in widths.items():
            print(f"as many {_WHAT[flag]} of {width} {units[flag]} in {places[flag]}")
        if len(bundle.spec.outputs) == 1 and bundle.spec.unit:
            print(f"{bundle.spec.outputs[0]}: {bundle.spec.unit}")
        print_sentence(stamp_words(stamps))


def _require_kind(name: str, wanted: str | None) -> None:
    from gatewise.config.schema import model_config
    from gatewise.errors import ConfigError

    if wanted is not None and model_config(wanted) and wanted != name:
        raise ConfigError(
            f"--model must be a run of the kind that --model-type says; it is {name}, not {wanted}",
            f"--model-type {name}, or a run of {wanted}: gatewise runs list",
        )


def _refuse_one_place(places: Mapping[str, Path]) -> None:
    from gatewise.errors import ConfigError

    flags: dict[Path, str] = {}
    for flag, place in places.items():
        if (other := flags.setdefault(place.absolute(), flag)) != flag:
            raise ConfigError(
                f"{_WHAT[other]} and {_WHAT[flag]} go to a file each; both are to go to {place}",
                f"name another file: {flag} FILE",
            )


def _refuse_a_place(output: Path, flag: str) -> None:
    """Before anything is scored, a file that can't be written."""
    from gatewise.errors import StorageError
    from gatewise.files import require_place

    if output.is_dir():
        raise StorageError(f"{_WHAT[flag]} go to a file; {output} is a folder", f"name a file: {flag} FILE")
    try:
        require_place(output.absolute().parent)
    except StorageError as error:
        raise StorageError(f"{output}: {error.message}", f"name a file elsewhere: {flag} FILE") from error


def _refuse_an_input(output: Path, flag: str, spec: DataConfig) -> None:
    """Predictions in the place of the rows that they were made from would be the end of those."""
    from gatewise.data.demo_bars import sample_config
    from gatewise.data.files.discover import find_files
    from gatewise.errors import ConfigError

    if spec.source in ("lake", "sql"):
        return
    files, _ = find_files(sample_config(spec).paths)
    if output.exists() and any(output.samefile(file) for file in files):
        raise ConfigError(
            f"{_WHAT[flag]} must not take the place of the rows they are made from; {output} is one of the files read",
            f"name another file: {flag} {output.with_stem(f'{output.stem}-predicted').name}",
        )
