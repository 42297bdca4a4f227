"""The format of bundle.json, and how bundles of earlier formats are read.

An entry of UPGRADES makes of the values of one format those of the next, and leaves what it is given as it is; a bundle
goes through all of them from its own format on, so that whatever reads it knows the newest format alone. Whoever
changes the format adds one to VERSION, and an entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

from gatewise.errors import BundleError
from gatewise.sealed import DAMAGE

VERSION = 5
_NAME = "gatewise-bundle/"
FORMAT = f"{_NAME}{VERSION}"
Values = dict[str, Any]


def _to_2(values: Values) -> Values:
    """What did nothing and is refused by now is put at rest; classes that training never saw may not be told of."""
    config = values["config"]
    windows, training = config["windows"], config["training"]
    burn_in = 0 if windows["supervise"] == "last" else windows["burn_in"]
    weights = training["class_weights"] if config["target"]["kind"] in ("triple_barrier", "direction") else "none"
    idle = {"windows": {**windows, "burn_in": burn_in}, "training": {**training, "class_weights": weights}}
    return {"unseen": {}, **values, "config": {**config, **idle}}


def _to_3(values: Values) -> Values:
    """Columns of the next row were learned as they are."""
    return {**values, "least": []}


def _to_4(values: Values) -> Values:
    """Nothing was calibrated."""
    return {**values, "calibrator": None, "config": {**values["config"], "calibration": {"method": "none"}}}


def _to_5(values: Values) -> Values:
    """Nothing was decided; the slot was never filled."""
    return {"decision_rule": None, **values}


UPGRADES: Mapping[int, Callable[[Values], Values]] = {1: _to_2, 2: _to_3, 3: _to_4, 4: _to_5}


def upgraded(values: object) -> Values:
    """The values of a bundle.json in the newest format.

    Raises:
        BundleError: they are of no format that this version knows.
    """
    named = values.get("format") if isinstance(values, dict) else None
    number = re.fullmatch(f"{_NAME}([1-9][0-9]{{0,5}})", named) if isinstance(named, str) else None
    if not isinstance(values, dict) or number is None or int(number[1]) > VERSION:
        raise BundleError(
            f"the format must be {FORMAT} or an earlier one; got {str(named)[:80]}",
            f"a later gatewise wrote it: update this one, {version('gatewise')}"
            if number
            else "gatewise.ModelRegistry.load reads models on arrays",
        )
    for step in range(int(number[1]), VERSION):
        try:
            values = {**UPGRADES[step](values), "format": f"{_NAME}{step + 1}"}
        except DAMAGE as error:
            raise BundleError(
                f"no values of {_NAME}{step}: {type(error).__name__} {error}", "use the gatewise that wrote it"
            ) from error
    return values
