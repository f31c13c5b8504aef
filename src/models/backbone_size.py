"""Which sizes of images a backbone of timm takes."""

from collections.abc import Mapping
from typing import Any


def only_size(model: Any, options: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the only height and width that a backbone takes, or None where it takes any multiple of its stride.

    Args:
        model: a network of timm.
        options: the arguments with which it was created.
    """
    embedding = getattr(model, "patch_embed", None)
    strict = getattr(embedding, "strict_img_size", None)
    if strict is None:
        strict = model.pretrained_cfg.get("fixed_input_size", False)
    if not strict:
        return None
    size = getattr(embedding, "img_size", None) or options.get("img_size") or model.pretrained_cfg["input_size"][1:]
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)
