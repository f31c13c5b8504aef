"""From the values that a source reads to those that a store holds."""

import numpy as np

from src.foundation.errors import UserError
from src.modalities.base import IGNORE, UNKNOWN, Modality

SHORTEST = 1e-3
"""Length of a vector below which it has no direction."""


def is_valid(modality: Modality, value: np.ndarray) -> np.ndarray:
    """Return where a map (H, W) or (H, W, channels), as read or as stored, is valid: bool (H, W)."""
    if modality.kind == "image":
        return np.ones(value.shape[:2], bool)
    if modality.kind == "classes":
        return np.asarray(value >= 0)
    if modality.kind == "binary":
        return (value == 0) | (value == 1)
    if modality.kind == "vector":
        with np.errstate(over="ignore", invalid="ignore"):
            length = np.linalg.norm(value.astype(np.float64), axis=-1)
        return np.isfinite(length) & (length > SHORTEST)
    valid = np.isfinite(value)
    if modality.invalid is not None:
        valid &= value != modality.invalid
    for bound, beyond in ((modality.low, np.less), (modality.high, np.greater)):
        if bound is not None:
            valid &= ~beyond(value, bound, where=np.isfinite(value), out=np.zeros(value.shape, bool))
    return valid


def encode(modality: Modality, value: np.ndarray, where: str, hint: str = "") -> np.ndarray:
    """Turn a map that a source has read at the store's size into the array that the store holds.

    Args:
        modality: what it is.
        value: (H, W) or (H, W, channels): uint8 for images; classes with -1 = ignored; scalars with NaN or the
            modality's own mark where invalid; vectors of any length; binary maps of 0 and 1, negative or NaN or 255
            where unknown.
        where: the frame's name in errors.
        hint: where the values come from, for errors.

    Raises:
        UserError: values that the modality cannot have.
    """
    expected = value.shape[:2] if modality.kind not in ("image", "vector") else (*value.shape[:2], modality.outputs)
    if value.shape != expected or value.ndim < 2:
        wanted = "(height, width)" if len(expected) < 3 else f"(height, width, {modality.outputs})"
        raise UserError(f"{modality.name} of {where} has the shape {value.shape}", f"a {modality.kind} map is {wanted}")
    encoders = {
        "image": _image,
        "classes": _classes,
        "scalar": _scalar,
        "vector": _vector,
        "binary": _binary,
    }
    return np.ascontiguousarray(encoders[modality.kind](modality, value, where, hint), np.dtype(modality.dtype))


def _image(modality: Modality, value: np.ndarray, where: str, hint: str) -> np.ndarray:
    if value.dtype != np.uint8:
        raise UserError(f"{modality.name} of {where} is {value.dtype}", "an image is uint8, 0..255")
    return value


def _classes(modality: Modality, value: np.ndarray, where: str, hint: str) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        whole = value.astype(np.int64)
    if not np.array_equal(whole, value):
        raise UserError(f"{modality.name} of {where} holds values that are no whole numbers", "classes are")
    low, high, last = int(whole.min()), int(whole.max()), len(modality.names) - 1
    if low < IGNORE or high > last:
        raise UserError(
            f"{modality.name} of {where} holds class {low if low < IGNORE else high}",
            f"classes are 0..{last}, {IGNORE} = ignore{f', once read from {hint}' if hint else ''}",
            "check that the label maps match the folder's name",
        )
    return whole


def _scalar(modality: Modality, value: np.ndarray, where: str, hint: str) -> np.ndarray:
    valid = is_valid(modality, value)
    mark = np.nan if modality.invalid is None else modality.invalid
    kept = np.where(valid, value, mark)
    most = float(np.finfo(modality.dtype).max)
    if valid.any() and np.abs(kept[valid]).max() > most:
        raise UserError(
            f"{modality.name} of {where} holds {np.abs(kept[valid]).max():g}",
            f"{modality.dtype} holds at most {most:g}",
            "store it as float32, or scale it",
        )
    return kept


def _vector(modality: Modality, value: np.ndarray, where: str, hint: str) -> np.ndarray:
    valid = is_valid(modality, value)[..., None]
    length = np.linalg.norm(value, axis=-1, keepdims=True)
    return np.divide(value, length, out=np.zeros(value.shape), where=valid)


def _binary(modality: Modality, value: np.ndarray, where: str, hint: str) -> np.ndarray:
    known = is_valid(modality, value)
    with np.errstate(invalid="ignore"):
        strange = ~known & ~np.isnan(value.astype(np.float64)) & (value >= 0) & (value != UNKNOWN)
    if strange.any():
        raise UserError(
            f"{modality.name} of {where} holds {value[strange][0]}", "a binary map holds 0 and 1, 255 = unknown"
        )
    return np.where(known, value, UNKNOWN)
