"""The contract of a dataset: its source of frames, and what its yaml declares."""

import pickle
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from src.contracts.base import Contract, DoesNotApplyError
from src.contracts.expectations import FEW, described, expect, expect_shape, listed
from src.data.labels.base import LabelSet
from src.data.sources.base import SOURCES, SPLITS, Source
from src.data.store.pack import Frame, plan, read_frame
from src.data.store.reader import PackedStore

SIZES = ((32, 64), (48, 96))
KINDS: dict[str, type[np.generic]] = {"image": np.uint8, "depth": np.floating, "normal": np.floating}
"""Types of arrays that are not labels."""


class DatasetSubject:
    """A source of frames, and what its yaml declares.

    Args:
        config: the source's configuration under ``source``, and the rest of the yaml where there is one.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.declared = {key: value for key, value in config.items() if key != "source"}
        self.source: Source = SOURCES.build(config["source"])

    @cached_property
    def frames(self) -> list[tuple[str, tuple[int, int], Frame]]:
        """Description, size and arrays of the first frame of each split, read at two sizes."""
        wanted = [(split, size) for split in SPLITS for size in SIZES]
        return [(f"{split} frame 0 at {h}x{w}", (h, w), self.source.read(split, 0, (h, w))) for split, (h, w) in wanted]

    def is_declared(self, key: str) -> Any:
        """Return what the yaml declares; raises DoesNotApplyError without a yaml."""
        if key not in self.declared:
            raise DoesNotApplyError("there is no yaml")
        return self.declared[key]


DATASET = Contract(DatasetSubject, Source)


@DATASET.property(Source, required=True)
def declares(subject: DatasetSubject) -> str:
    """It declares a description of one line, its label sets and its units"""
    source = subject.source
    description = getattr(source, "description", None)
    expect(isinstance(description, str) and "\n" not in description.strip(), f"description is {description!r}")
    for what in ("labels", "units"):
        expect(isinstance(getattr(source, what, None), Mapping), f"{what} is {getattr(source, what, None)!r}")
    for name, labels in source.labels.items():
        expect(isinstance(labels, LabelSet), f"labels of {name} are a {type(labels).__name__}, not a LabelSet")
    return str(description)


@DATASET.property(Source.frames, required=True)
def frames_are_unique(subject: DatasetSubject) -> str:
    """Both splits have frames, without duplicates"""
    frames = {split: subject.source.frames(split) for split in SPLITS}
    for split, names in frames.items():
        expect(names, f"{split} has no frames")
        twice = [name for name, count in Counter(names).items() if count > 1]
        expect(not twice, f"{listed(twice)} are in {split} more than once")
    return ", ".join(f"{len(names)} {split}" for split, names in frames.items())


@DATASET.property(Source.read, required=True)
def frames_have_the_size(subject: DatasetSubject) -> str:
    """read() returns an image and labels of any requested size"""
    for what, size, frame in subject.frames:
        expect("image" in frame, f"{what} has no image but {', '.join(frame)}")
        for name, value in frame.items():
            expect(value.shape[:2] == size, f"{name} of {what} is {described(value)}")
    return ", ".join(frame)


@DATASET.property(PackedStore)
def arrays_have_their_types(subject: DatasetSubject) -> None:
    """Images are uint8 (H, W, 3), labels whole numbers (H, W), depth (H, W) and normals (H, W, 3) of a float type"""
    for what, size, frame in subject.frames:
        for name, value in frame.items():
            expect_shape(value, (*size, 3) if name in ("image", "normal") else size, f"{name} of {what}")
            expect(np.issubdtype(value.dtype, KINDS.get(name, np.integer)), f"{name} of {what} is {described(value)}")


@DATASET.property(read_frame)
def values_fit_a_store(subject: DatasetSubject) -> None:
    """Stored labels are within their classes, depth is finite, normals face the camera, and no array is constant"""
    for split in SPLITS:
        for name, value in read_frame(subject.source, (split, 0), SIZES[0]).items():
            what = f"{name} of {split} frame 0"
            expect(np.isfinite(value).all(), f"{what} is not finite as {value.dtype}")
            expect(value.min() < value.max(), f"{what} is {value.max()} everywhere")
            towards = value[..., 2].mean() if name == "normal" else 1.0
            expect(towards > 0, f"the mean z of {what} is {towards:.2g}")


@DATASET.property(Source.read)
def both_splits_are_alike(subject: DatasetSubject) -> None:
    """Both splits have the same arrays"""
    manifest = plan(subject.source, SIZES[0], "checked")
    arrays = {split: sorted(manifest.splits[split].arrays) for split in SPLITS}
    expect(arrays["train"] == arrays["test"], f"train has {listed(arrays['train'])}, test has {listed(arrays['test'])}")


@DATASET.property(Source.frames)
def no_frame_is_in_both_splits(subject: DatasetSubject) -> None:
    """No frame is in both splits; a name in both must stand for different images"""
    train, test = (subject.source.frames(split) for split in SPLITS)
    both = sorted(set(train) & set(test))[:FEW]
    for first, second in [(0, 0), *((train.index(name), test.index(name)) for name in both)]:
        one, other = (subject.source.read(*place, SIZES[0])["image"] for place in (("train", first), ("test", second)))
        expect(not np.array_equal(one, other), f"train frame {train[first]} is test frame {test[second]}")


@DATASET.property(Source.read)
def frames_are_the_same_every_time(subject: DatasetSubject) -> None:
    """read() is deterministic, also in another process, and frames differ from each other"""
    copy: Source = pickle.loads(pickle.dumps(subject.source))
    for split in SPLITS:
        first, again = (read_frame(source, (split, 0), SIZES[0]) for source in (subject.source, copy))
        for name, value in first.items():
            expect(np.array_equal(value, again[name]), f"{name} of {split} frame 0 differs when it is read again")
        if len(subject.source.frames(split)) > 1:
            other = read_frame(subject.source, (split, 1), SIZES[0])
            expect(not np.array_equal(other["image"], first["image"]), f"{split} frames 0 and 1 are the same image")


@DATASET.property(Source)
def units_are_declared(subject: DatasetSubject) -> str:
    """Depth has a unit, which is the yaml's depth_unit"""
    _, _, frame = subject.frames[0]
    if "depth" not in frame:
        raise DoesNotApplyError("it has no depth")
    unit = subject.source.units.get("depth")
    expect(isinstance(unit, str) and bool(unit), f"units declares {', '.join(subject.source.units) or 'nothing'}")
    declared = subject.declared.get("depth_unit", unit)
    expect(declared == unit, f"the source says '{unit}', the yaml's depth_unit '{declared}'")
    return str(unit)


@DATASET.property(LabelSet)
def classes_are_declared(subject: DatasetSubject) -> str:
    """The yaml's classes is the number of classes of one of the label sets"""
    classes, labels = subject.is_declared("classes"), subject.source.labels
    modality = f"label{classes}"
    expect(not labels or modality in labels, f"classes={classes}, and the label sets are {', '.join(labels)}")
    if labels:
        count = len(labels[modality].names)
        expect(count == classes, f"{modality} has {count} classes")
    return ", ".join(labels) or "there are no label sets"
