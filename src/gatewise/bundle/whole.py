"""What hashes can't hold: that the parts of a bundle fit each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gatewise.errors import BundleError
from gatewise.sealed import REMEDY

if TYPE_CHECKING:
    from gatewise.bundle.bundle import Bundle


def require_whole(bundle: Bundle, folder: Path, schema_hash: object) -> None:
    """Checks what was read from `folder`.

    Args:
        schema_hash: as it stood in the file.

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
