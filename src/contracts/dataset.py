"""The contract of a dataset: its source of frames, and what its yaml declares."""

import pickle
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from src.contracts.base import Contract, DoesNotApplyError
from src.contracts.expectations import FEW, described, expect, expect_shape, listed
from src.data.sources.base import SOURCES, Source
from src.data.store.pack import Frame, plan, read_frame
from src.data.store.reader import PackedStore
from src.modalities.base import Modality
from src.modalities.storing import encode, is_valid

SIZES = ((32, 64), (48, 96))


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
        wanted = [(split, size) for split in self.source.splits for size in SIZES]
        return [(f"{split} frame 0 at {h}x{w}", (h, w), self.source.read(split, 0, (h, w))) for split, (h, w) in wanted]

    def is_declared(self, key: str) -> Any:
        """Return what the yaml declares; raises DoesNotApplyError without a yaml."""
        if key not in self.declared:
            raise DoesNotApplyError("there is no yaml")
        return self.declared[key]


DATASET = Contract(DatasetSubject, Source)


@DATASET.property(Source, required=True)
def declares(subject: DatasetSubject) -> str:
    """It declares a description of one line, its modalities by name, an image among them, and its splits"""
    source = subject.source
    description = getattr(source, "description", None)
    expect(isinstance(description, str) and "\n" not in description.strip(), f"description is {description!r}")
    modalities = getattr(source, "modalities", None)
    expect(isinstance(modalities, Mapping), f"modalities is {modalities!r}")
    for name, modality in source.modalities.items():
        expect(isinstance(modality, Modality), f"{name} is a {type(modality).__name__}, not a Modality")
        expect(modality.name == name, f"the modality {name} bears the name {modality.name}")
    expect("image" in source.modalities, f"the modalities are {', '.join(source.modalities)}")
    splits = getattr(source, "splits", None)
    expect(isinstance(splits, tuple) and {"train", "test"} <= set(splits), f"splits is {splits!r}")
    return str(description)


@DATASET.property(Source.frames, required=True)
def frames_are_unique(subject: DatasetSubject) -> str:
    """All splits have frames, without duplicates"""
    frames = {split: subject.source.frames(split) for split in subject.source.splits}
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
    """Every map of a frame is a declared modality, of its shape and with values of its kind"""
    modalities = subject.source.modalities
    for what, size, frame in subject.frames:
        for name, value in frame.items():
            expect(name in modalities, f"{what} has {name}, the modalities are {', '.join(modalities)}")
            expect_shape(value, modalities[name].row_shape(size), f"{name} of {what}")
            encode(modalities[name], value, what)


@DATASET.property(read_frame)
def values_fit_a_store(subject: DatasetSubject) -> None:
    """Stored maps have valid pixels, normals face the camera, and no array is constant"""
    for split in subject.source.splits:
        for name, value in read_frame(subject.source, (split, 0), SIZES[0]).items():
            what = f"{name} of {split} frame 0"
            expect(is_valid(subject.source.modalities[name], value).any(), f"{what} has no valid pixel")
            expect(np.nanmin(value) < np.nanmax(value), f"{what} is {np.nanmax(value)} everywhere")
            towards = value[..., 2].mean() if name == "normal" else 1.0
            expect(towards > 0, f"the mean z of {what} is {towards:.2g}")


@DATASET.property(Source.read)
def both_splits_are_alike(subject: DatasetSubject) -> None:
    """All splits have the same arrays"""
    manifest = plan(subject.source, SIZES[0], "checked")
    train = sorted(manifest.splits["train"].arrays)
    for split, content in manifest.splits.items():
        expect(
            sorted(content.arrays) == train, f"train has {listed(train)}, {split} has {listed(list(content.arrays))}"
        )


@DATASET.property(Source.frames)
def no_frame_is_in_both_splits(subject: DatasetSubject) -> None:
    """No frame is in both splits; a name in both must stand for different images"""
    train, test = (subject.source.frames(split) for split in ("train", "test"))
    both = sorted(set(train) & set(test))[:FEW]
    for first, second in [(0, 0), *((train.index(name), test.index(name)) for name in both)]:
        one, other = (subject.source.read(*place, SIZES[0])["image"] for place in (("train", first), ("test", second)))
        expect(not np.array_equal(one, other), f"train frame {train[first]} is test frame {test[second]}")


@DATASET.property(Source.read)
def frames_are_the_same_every_time(subject: DatasetSubject) -> None:
    """read() is deterministic, also in another process, and frames differ from each other"""
    copy: Source = pickle.loads(pickle.dumps(subject.source))
    for split in subject.source.splits:
        first, again = (read_frame(source, (split, 0), SIZES[0]) for source in (subject.source, copy))
        for name, value in first.items():
            expect(np.array_equal(value, again[name]), f"{name} of {split} frame 0 differs when it is read again")
        if len(subject.source.frames(split)) > 1:
            other = read_frame(subject.source, (split, 1), SIZES[0])
            expect(not np.array_equal(other["image"], first["image"]), f"{split} frames 0 and 1 are the same image")


@DATASET.property(Modality)
def label_set_is_declared(subject: DatasetSubject) -> str:
    """The yaml's label is the name of one of the label sets, with as many classes as it says"""
    label, modalities = subject.is_declared("label"), subject.source.modalities
    sets = {name: modality for name, modality in modalities.items() if modality.kind == "classes"}
    expect(not sets or label is None or label in sets, f"label={label}, and the label sets are {', '.join(sets)}")
    classes = subject.declared.get("classes")
    if label in sets and classes is not None:
        expect(sets[label].outputs == classes, f"{label} has {sets[label].outputs} classes, the yaml says {classes}")
    return ", ".join(sets) or "there are no label sets"
