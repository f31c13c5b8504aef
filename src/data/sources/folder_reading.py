"""``dataset.yaml`` as a checked description: every mistake at once."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path, PurePosixPath
from typing import Any

from src.data.files.plain_yaml import read_plain_yaml
from src.data.sources.folder_classes import class_coding
from src.data.sources.folder_description import BY_KIND, FILE, Description, MapDescription, SplitsDescription, listed
from src.data.sources.folder_maps import modality_of
from src.foundation.errors import UserError, refuse
from src.foundation.validation import validated

MAP_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
WITH_A_NAME = "{name} stands for a frame's name, as in images/{name}.png"


def read_description(root: Path) -> Description:
    """Read ``root/dataset.yaml``; raises UserError with every mistake in it."""
    file = root / FILE
    values = read_plain_yaml(file)
    if not isinstance(values, dict):
        raise UserError(f"{file} holds no mapping", f"its keys are {', '.join(_keys(Description))}")
    description, mistakes = validated(Description, values, known=list(_known(values)))
    mistakes += _broken_rules(values)
    if description is not None:
        mistakes += _wrong_images(description)
    refuse([UserError(f"{file}: {m.what}", m.why, m.mend.replace("=", ": ")) for m in mistakes])
    assert description is not None
    return description


def _broken_rules(values: dict[str, Any]) -> Iterator[UserError]:
    """Yield what contradicts itself in each part of the values that is of its type, whatever the others are."""
    splits, _ = validated(SplitsDescription, values.get("splits"))
    if splits is not None:
        yield from _wrong_splits(splits)
    modalities = values.get("modalities")
    for name, value in modalities.items() if isinstance(modalities, dict) else ():
        each, _ = validated(MapDescription, value)
        if each is not None:
            yield from _wrong_map(str(name), each, splits)


def _keys(kind: Any) -> list[str]:
    return [field.name for field in fields(kind)]


def _known(values: dict[str, Any]) -> Iterator[str]:
    """Yield the full name of each key that there is, for the modalities that ``values`` names."""
    yield from _keys(Description)
    yield from (f"splits.{key}" for key in _keys(SplitsDescription))
    modalities = values.get("modalities")
    for name in modalities if isinstance(modalities, dict) else ():
        yield from (f"modalities.{name}.{key}" for key in _keys(MapDescription))


def _wrong_splits(splits: SplitsDescription) -> Iterator[UserError]:
    values = splits.by_name
    if splits.form == "mixed":
        told = ", ".join(f"{name}: {value}" for name, value in values.items())
        yield UserError(f"splits mixes several ways ({told})", "all are folders, or text files of names, or shares")
        return
    if splits.form == "shares":
        shares = {name: float(share) for name, share in values.items()}
        for name, share in shares.items():
            if not 0 < share < 1:
                yield UserError(f"splits.{name}={share:g} is no share", "a share is above 0 and below 1")
        if abs(sum(shares.values()) - 1) > 1e-6:
            yield UserError(f"the shares of the splits add up to {sum(shares.values()):g}", "they have to add up to 1")
        return
    if splits.seed is not None:
        yield UserError("splits.seed is set, but no shares are drawn", f"the splits are {splits.form}", "leave it out")
    for name, value in values.items():
        yield from _leaves_the_folder(f"splits.{name}", str(value))
        if set(str(value)) & set("*{}?"):
            yield UserError(f"splits.{name}={value} is no name of a folder or file", "patterns stand in `path`")


def _wrong_images(description: Description) -> Iterator[UserError]:
    images = [name for name, each in description.modalities.items() if each.kind == "image"]
    if images != ["image"]:
        yield UserError(
            f"the images among the modalities are {', '.join(images) or 'none'}",
            "exactly one is of kind image, and its name is image",
            "modalities.image.kind=image",
        )
    if len(description.modalities) < 2:
        yield UserError("there is no modality beside the image", "there is nothing to predict")


def _wrong_map(name: str, each: MapDescription, splits: SplitsDescription | None) -> Iterator[UserError]:
    where = f"modalities.{name}"
    if not MAP_NAME.fullmatch(name):
        yield UserError(f"{where} is no name of a map", "it is made of letters, digits and _, a letter first")
    for key in ("path", "mask"):
        if getattr(each, key) is not None:
            yield from _wrong_pattern(f"{where}.{key}", getattr(each, key), splits.form if splits else "")
    if name == "image" and splits and splits.form == "folders" and "{split}" not in each.path:
        what = f"{where}.path={each.path} does not say in which folder a split is"
        yield UserError(what, "the splits are folders, for which {split} stands")
    wrong = list(_wrong_keys(where, each))
    yield from wrong
    if not wrong:
        yield from _contradictions(where, name, each)


def _wrong_pattern(where: str, pattern: str, form: str) -> Iterator[UserError]:
    yield from _leaves_the_folder(where, pattern)
    unknown = sorted(set(re.findall(r"\{([^}]*)\}", pattern)) - {"name", "split"})
    if unknown:
        why = "a path may hold {name}, {split} and *"
        yield UserError(f"{where}={pattern} holds {', '.join(f'{{{name}}}' for name in unknown)}", why)
    elif "{name}" not in pattern:
        yield UserError(f"{where}={pattern} lacks {{name}}", WITH_A_NAME)
    if "{split}" in pattern and form == "shares":
        yield UserError(f"{where}={pattern} holds {{split}}", "the splits are drawn, so that they have no folders")


def _leaves_the_folder(where: str, path: str) -> Iterator[UserError]:
    parts = PurePosixPath(path).parts
    if "\\" in path or ":" in path:
        yield UserError(f"{where}={path} is no path of this kind", "folders are separated by /, without a drive")
    elif not parts or parts[0] in ("/", "~") or ".." in parts or "\0" in path:
        yield UserError(
            f"{where}={path} leaves the folder", f"paths are relative to the folder that holds {FILE}, without .."
        )


def _wrong_keys(where: str, each: MapDescription) -> Iterator[UserError]:
    """Yield an error for each key that a map of its kind has not, and for a class table that is not there."""
    for key in _keys(MapDescription):
        if key not in {"path", "kind", *BY_KIND[each.kind]} and getattr(each, key) is not None:
            kinds = [kind for kind, has in BY_KIND.items() if key in has]
            yield UserError(f"{where}.{key} is set, but the map is of kind {each.kind}", f"{' or '.join(kinds)} has it")
    if each.kind == "classes" and not each.classes:
        yield UserError(f"{where}.classes is missing", "it names the classes", f"{where}.classes=[sky, road]")
    if each.threshold is not None and each.positive is not None:
        yield UserError(f"{where} has both threshold and positive", "either says which values are 1")
    if each.resize == "any" and each.kind != "binary":
        yield UserError(f"{where}.resize=any is for binary maps", f"the map is of kind {each.kind}")
    if each.resize == "area":
        yield UserError(f"{where}.resize=area is for images", f"the map is of kind {each.kind}")
    if each.resize == "nearest_valid" and each.kind != "scalar":
        yield UserError(f"{where}.resize=nearest_valid is for scalars", f"the map is of kind {each.kind}")


def _contradictions(where: str, name: str, each: MapDescription) -> Iterator[UserError]:
    """Yield what a class table or the modality itself refuses."""
    try:
        if each.kind == "classes":
            class_coding(each)
        components = max([2, *listed(each.mirrored)]) + 1  # how many there are is known once a file is read
        modality_of(name, each, components)
    except ValueError as error:
        yield UserError(f"{where}: {str(error).removeprefix(f'modality {name}: ')}")
