"""What hashes can't hold: that the parts of a bundle fit each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gatewise.errors import BundleError
from gatewise.sealed import REMEDY

if TYPE_CHECKING:
    from gatewise.bundle.bundle import Bundle


def require_whole(bundle: Bundle, folder: Path, schema_hash: object, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Checks what was read from `folder`.

    Args:
        schema_hash: as it stood in the file.
        shapes: of the tensors that the configured model has, by name.

    Raises:
        BundleError: two parts don't fit; the file is named.
    """
    if schema_hash != bundle.schema_hash:
        raise BundleError(f"{folder}/bundle.json must match its own schema hash", "use the gatewise that wrote it")
    if bundle.scaler.names != bundle.feature_names:
        raise BundleError(f"{folder}/bundle.json: the scaler must be for the features; it is for other columns", REMEDY)
    if bundle.target_scaler is not None and bundle.target_scaler.names != bundle.outputs:
        raise BundleError(f"{folder}/bundle.json: the target scaler must be for the outputs", REMEDY)
    symbols = tuple(sorted(bundle.symbols)) if bundle.config.features.scale_by == "symbol" else ()
    if any(scaler and scaler.symbols != symbols for scaler in (bundle.scaler, bundle.target_scaler)):
        raise BundleError(f"{folder}/bundle.json: there must be scalers for {', '.join(symbols) or 'all rows'}", REMEDY)
    if bool(bundle.classes) == (bundle.target_scaler is not None):
        raise BundleError(f"{folder}/bundle.json must hold classes or scaled outputs, and not both", REMEDY)
    if not bundle.unseen.keys() <= set(bundle.classes) or not all(0 < share < 1 for share in bundle.unseen.values()):
        raise BundleError(f"{folder}/bundle.json: unseen must be shares of classes; got {dict(bundle.unseen)}", REMEDY)
    got = {name: tuple(value.shape) for name, value in bundle.weights.items()}
    for name in sorted(shapes.keys() | got.keys()):
        if shapes.get(name) != got.get(name):
            raise BundleError(
                f"{folder}/model.safetensors: {name} must be {shapes.get(name, 'absent')}; got "
                f"{got.get(name, 'nothing')}",
                "the weights are of another model; copy the bundle again from where it was trained",
            )
