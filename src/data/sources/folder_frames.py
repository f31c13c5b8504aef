"""Which frames are in which split of a folder of one's own, and their files."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from src.data.files.patterns import find_files
from src.data.files.same_content import same_content
from src.data.sources.folder_description import FILE, Description
from src.foundation.errors import UserError, refuse

FIRST = 3
AGAIN = "then run the same command again"
Files = dict[str, list[Path]]
"""Files by the names of their frames."""


@dataclass(frozen=True)
class SplitFiles:
    """Names of a split's frames, in order, and the file of each by map; a map's mask has the key ``MAP mask``."""

    names: tuple[str, ...]
    files: dict[str, dict[str, Path]]


def find_frames(root: Path, description: Description) -> dict[str, SplitFiles]:
    """Find the frames of each split below ``root``.

    Raises:
        UserError: files are missing or there twice, a split is empty, or splits share frames: all of it at once.
    """
    splits = description.splits
    mistakes: list[UserError] = []
    patterns = _patterns(description)
    if splits.form == "shares":
        found = {key: find_files(root, pattern) for key, pattern in patterns.items()}
        names = sorted(set().union(*found.values()))
        mistakes += _wrong(root, "", names, found, patterns)
        drawn = {} if mistakes else _drawn(names, description)
        frames = {split: _taken(names, found) for split, names in drawn.items()}
    else:
        frames = {}
        for split, place in splits.by_name.items():
            of_split = {key: p.replace("{split}", _folder(split, place)) for key, p in patterns.items()}
            found = {key: find_files(root, pattern) for key, pattern in of_split.items()}
            names, wrong = _names(root, split, str(place), found, patterns)
            mistakes += wrong or _wrong(root, split, names, found, of_split)
            frames[split] = _taken(names, found)
    refuse(mistakes or [*_shared(frames)])
    return frames


def _patterns(description: Description) -> dict[str, str]:
    found = {name: each.path for name, each in description.modalities.items()}
    masks = {f"{name} mask": each.mask for name, each in description.modalities.items() if each.mask}
    return found | masks


def _folder(split: str, place: str | float) -> str:
    """Return what {split} stands for: the folder, or the split's own name where its frames are listed."""
    return split if str(place).lower().endswith(".txt") else str(place)


def _names(
    root: Path, split: str, place: str, found: Mapping[str, Files], patterns: Mapping[str, str]
) -> tuple[list[str], list[UserError]]:
    """Return the names of a split's frames: those that its file lists, or those of the files in its folder."""
    if not place.lower().endswith(".txt"):
        return sorted(set().union(*(found[key] for key, pattern in patterns.items() if "{split}" in pattern))), []
    try:
        lines = [line.strip() for line in (root / place).read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or str(error)
        return [], [UserError(f"{root / place}, the list of {split}, cannot be read", told, f"correct it, {AGAIN}")]
    names = [line for line in lines if line and not line.startswith("#")]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    wrong = [UserError(f"{root / place} names {_first(twice)} more than once", "", f"correct it, {AGAIN}")]
    return names, wrong if twice else []


def _wrong(
    root: Path, split: str, names: list[str], found: Mapping[str, Files], patterns: Mapping[str, str]
) -> Iterator[UserError]:
    """Yield an error for files that are missing and for several files of one name, or for a split without frames."""
    of_split = f" of {split}" if split else ""
    if not names:
        why = f"looked for {', '.join(patterns.values())} in {root}"
        yield UserError(
            f"the {split} split is empty" if split else "no frames are there", why, f"correct {FILE}, {AGAIN}"
        )
    missing = [
        patterns[key].replace("{name}", name) for key, files in found.items() for name in names if name not in files
    ]
    if missing:
        yield UserError(
            f"{root} lacks {len(missing)} files{of_split}",
            f"the first are {', '.join(missing[:FIRST])}; frames are {len(names)}, {_counts(names, found)}",
            f"put them there, take their frames out, or correct the paths in {FILE}; {AGAIN}",
        )
    several = [files[name] for files in found.values() for name in names if len(files.get(name, [])) > 1]
    if several:
        told = "; ".join(" and ".join(str(path.relative_to(root)) for path in paths) for paths in several[:FIRST])
        yield UserError(
            f"{root} has {len(several)} times several files of one name{of_split}",
            f"the first are {told}",
            f"take one of them away, or name the ending in the path; {AGAIN}",
        )


def _counts(names: list[str], found: Mapping[str, Files]) -> str:
    return ", ".join(f"{key} has {sum(name in files for name in names)} of them" for key, files in found.items())


def _drawn(names: list[str], description: Description) -> dict[str, list[str]]:
    """Draw each split's share of the names, in an order that a digest of seed and name decides: it is the same on
    every machine, and a frame that is added moves few others."""
    shares = {split: float(share) for split, share in description.splits.by_name.items()}
    if len(names) < len(shares):
        raise UserError(f"{len(names)} frames are too few for {len(shares)} splits", "", "add frames")
    seed = description.splits.seed or 0
    order = sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    drawn: dict[str, list[str]] = {}
    for split in ("test", "val"):
        if split in shares:
            count = max(
                1, min(round(shares[split] * len(names)), len(order) - 1 - ("val" in shares and split == "test"))
            )
            drawn[split], order = order[:count], order[count:]
    drawn["train"] = order
    return {split: sorted(drawn[split]) for split in shares}


def _taken(names: list[str], found: Mapping[str, Files]) -> SplitFiles:
    files = {key: {name: of_map[name][0] for name in names if name in of_map} for key, of_map in found.items()}
    return SplitFiles(tuple(names), files)


def _shared(frames: Mapping[str, SplitFiles]) -> Iterator[UserError]:
    """Yield an error for splits of which one has images of the other, be it under other names."""
    for splits, images in same_content({split: each.files["image"].values() for split, each in frames.items()}).items():
        yield UserError(
            f"{' and '.join(splits)} share {len(images)} images",
            f"the first are {_first([' = '.join(dict.fromkeys(map(str, paths))) for paths in images])}",
            f"leave each in one split, {AGAIN}: a test of what was trained on says nothing",
        )


def _first(names: list[str]) -> str:
    return ", ".join(names[:FIRST]) + (f" and {len(names) - FIRST} more" if len(names) > FIRST else "")
