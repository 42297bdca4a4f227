"""`gatewise models memory`: what a training step takes, item by item, and which batch fits an amount of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gatewise.cli.flags import ConfigFlags, config_flags
from gatewise.config.flags import DATA, MACHINE, MODEL_FLAGS

if TYPE_CHECKING:
    from gatewise.config.schema import ExperimentConfig
    from gatewise.models.base import Forecast

NumFeatures = Annotated[
    int | None,
    typer.Option(
        "--features",
        min=1,
        help="Number of input features.",
        show_default="the columns where these alone are read, else 39",
        rich_help_panel=DATA,
    ),
]
DEVICES, PRECISIONS = ("cpu", "cuda"), ("fp32", "bf16", "fp16")


@config_flags(*MODEL_FLAGS)
def memory(
    flags: ConfigFlags,
    name: Annotated[str | None, typer.Argument(help="Model name, as --model.")] = None,
    fits: Annotated[
        str | None,
        typer.Option(
            "--fits",
            metavar="SIZE",
            help="Find the batch that fits so much, like 11GB or 8GiB.",
            rich_help_panel=MACHINE,
            show_default="none",
        ),
    ] = None,
    features: NumFeatures = None,
    rows: Annotated[
        int, typer.Option("--rows", min=0, help="Rows of the series kept on the device.", rich_help_panel=DATA)
    ] = 0,
    device: Annotated[
        str | None,
        typer.Option(
            "--device",
            help="cpu or cuda: whose account to give.",
            rich_help_panel=MACHINE,
            show_default="cpu; cuda with --fits",
        ),
    ] = None,
    precision: Annotated[
        str, typer.Option("--precision", help="fp32, bf16 or fp16.", rich_help_panel=MACHINE)
    ] = "fp32",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No words on the way.")] = False,
) -> None:
    """Account for the memory that a training step takes, item by item; find the batch that fits.

    On a GPU a batch is one piece; on a CPU it runs in pieces, and only those that run hold activations.

    Example: gatewise models memory --model lstm --fits 11GB --seq-len 60 --features 25 --hidden-size 256
    """
    from gatewise.cli.output import print_json, print_table, set_up_logging
    from gatewise.errors import ConfigError, UnknownNameError
    from gatewise.training.memory import batch_that_fits, memory_of

    set_up_logging(quiet)
    device = device or ("cpu" if fits is None else "cuda")
    for kind, word, known in (("device", device, DEVICES), ("precision", precision, PRECISIONS)):
        if word not in known:
            raise UnknownNameError(kind, word, known)
    if name is not None and flags.overrides.get("model.name", name) != name:
        raise ConfigError(f"the model is named twice: {name} and {flags.overrides['model.name']}", "name it once")
    config = config_of(flags, name)
    features, outputs, forecast = widths_of(config, features)
    steps = config.windows.sequence_length
    account = memory_of(config.model, steps, features, rows, device, precision, outputs, forecast=forecast)
    batch, answer, remarks = config.training.batch_size, {}, []
    if fits is not None:
        if "training.batch_size" in flags.fields:
            raise ConfigError("--fits finds the batch size; got --batch-size too", "leave out one of the two")
        size = parse_size(fits)
        fitting = batch_that_fits(account, size)
        if fitting == 0:
            least = -(-account(1).total // 10**6)
            raise ConfigError(
                f"not one window fits {fits}: it takes {least} MB", f"--fits {least}MB, or a smaller model"
            )
        batch, answer = fitting or batch, {"fits": {"bytes": size, "batch_size": fitting}}
        if fitting is None:
            remarks = [f"every batch size fits {fits}{', as batches run in pieces' if device == 'cpu' else ''}"]
        else:
            more = account(2 * batch).total
            remarks = [f"--batch-size {batch} fits {fits}; {2 * batch} would take {more / 1e9:,.2f} GB"]
    counted = account(batch)
    if not counted.is_measured:
        remarks.append("accounts of GPUs were not held against measured peaks: leave room")
    if as_json:
        print_json({**counted.to_dict(), "batch_size": batch, **answer})
        return
    items = counted.to_dict()["megabytes"]
    print_table(
        f"{config.model.name}: a training step on {device}, {precision}, batch {batch}",
        ["item", "MB"],
        [[item, f"{value:,.1f}"] for item, value in items.items()],
    )
    for remark in remarks:
        print(remark)


def config_of(flags: ConfigFlags, name: str | None) -> ExperimentConfig:
    """The config of a model that nothing is trained on: it predicts what it can, where no target is said."""
    said: dict[str, Any] = {} if name is None else {"model.name": name}
    elsewhere = flags.preset or flags.file or any(field.startswith("target.") for field in flags.fields)
    return flags.config(said if elsewhere else said | {"target.kind": "given"})


def widths_of(
    config: ExperimentConfig, features: int | None, outputs: int | None = None
) -> tuple[int, int, Forecast | None]:
    """How many features and outputs a model has that nothing is trained on, and what these continue.

    Args:
        features, outputs: as they are said; `None`: those of the config's columns and steps, else 39 and 3.

    Raises:
        ConfigError: each feature is forecast, and outputs are no multiple of them.
    """
    from gatewise.config.schema import TargetConfig
    from gatewise.errors import ConfigError
    from gatewise.models.base import Forecast

    columns = () if config.features.sets else config.features.columns
    features = features or len(columns) or 39
    steps = config.target.steps if isinstance(config.target, TargetConfig) else None
    if not steps and not config.model.continues:
        return features, outputs or 3, None
    outputs = outputs or features * (steps or 1)
    if outputs % features:
        raise ConfigError(
            f"each feature is forecast, so outputs must be a multiple of {features} features; got {outputs}",
            f"num_outputs={-(-outputs // features) * features}",
        )
    return features, outputs, Forecast(outputs // features, tuple(range(features)))


def parse_size(text: str) -> int:
    """Bytes of `11GB`, `10GiB`, `500 MB`.

    Raises:
        ConfigError: it is no amount of memory.
    """
    from pydantic import ByteSize, TypeAdapter, ValidationError

    from gatewise.errors import ConfigError

    try:
        size = int(TypeAdapter(ByteSize).validate_python(text))
    except (ValidationError, OverflowError):
        size = 0
    if size <= 0:
        raise ConfigError(f"--fits must be an amount of memory; got {text!r}", "like --fits 11GB, 10GiB or 500MB")
    return size
