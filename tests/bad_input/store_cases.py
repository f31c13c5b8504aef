"""Packed stores that contradict themselves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.bad_input.harms import content, cut, device, fifo, flipped, folder, link, removed
from tests.bad_input.harness import Case, Harm

Raw = dict[str, Any]
MANIFEST, DEPTH = "manifest.json", "test/depth.npy"
NO_NUMBERS = (None, "2", 1.5, True, [2], {}, -1, 0, 2**70)
READ, CONTRADICTS = "cannot be read", "contradicts itself"


def edited(change: Callable[[Raw], object]) -> Harm:
    """Change the manifest's values."""

    def harm(root: Path) -> None:
        raw = json.loads((root / MANIFEST).read_text())
        change(raw)
        (root / MANIFEST).write_text(json.dumps(raw))

    return harm


def put(value: Any, *keys: str) -> Harm:
    """Put a value in the manifest, at a path of keys."""

    def change(raw: Raw) -> None:
        for key in keys[:-1]:
            raw = raw[key]
        raw[keys[-1]] = value

    return edited(change)


def rewritten(modality: str, change: Callable[[np.ndarray], np.ndarray]) -> Harm:
    """Change an array of the test split and what the manifest says of its file, so that only its meaning is wrong."""

    def harm(root: Path) -> None:
        path = root / f"test/{modality}.npy"
        value = np.ascontiguousarray(change(np.load(path)))
        np.save(path, value)
        file = {"shape": value.shape, "dtype": str(value.dtype), "bytes": path.stat().st_size}
        edited(lambda raw: raw["splits"]["test"]["arrays"][modality].update(file))(root)

    return harm


def file_of(root: Raw) -> Raw:
    found: Raw = root["splits"]["test"]["arrays"]["depth"]
    return found


ARRAY = ("splits", "test", "arrays", "depth")
NESTED = [
    ("nested 100,000 deep", content(MANIFEST, b"[" * 100_000), READ),
    ("mappings nested 100,000 deep", content(MANIFEST, b'{"a":' * 100_000), READ),
    ("null", content(MANIFEST, b"null"), READ),
    ("a list", content(MANIFEST, b"[]"), READ),
    ("a number", content(MANIFEST, b"3"), READ),
    ("text", content(MANIFEST, b'"manifest"'), READ),
    ("empty", content(MANIFEST, b""), READ),
    ("no JSON", content(MANIFEST, b"hello"), READ),
    ("no text", content(MANIFEST, bytes(range(256))), READ),
    ("a huge number", content(MANIFEST, b'{"format": ' + b"9" * 5000 + b"}"), READ),
    ("cut", cut(MANIFEST, 0.5), READ),
    ("pipe", fifo(MANIFEST), "pipe"),
    ("device", device(MANIFEST), "device"),
    ("folder", folder(MANIFEST), "directory"),
    ("link to itself", link(MANIFEST, MANIFEST), "links"),
    ("missing", removed(MANIFEST), "holds no manifest.json"),
]
KEYS = [
    *((f"no {key}", edited(lambda raw, key=key: raw.pop(key)), READ)
      for key in ("format", "dataset", "size", "modalities", "source", "splits")),
    *((f"format {value!r}", put(value, "format"), READ) for value in (None, 0, 99, "2", [2])),
    *((f"size {value!r}", put(value, "size"), "") for value in (
        None, 3, "48x64", [48], [48, 64, 3], [0, 0], [-48, 64], [64, 48], [1e400, 2], ["a", "b"], [2**40, 64])),
    *((f"splits {value!r}", put(value, "splits"), "") for value in (None, {}, [], "train", {"train": None})),
    *((f"modalities {value!r}", put(value, "modalities"), "") for value in (None, {}, [], "depth", {"depth": None})),
    *((f"statistics {value!r}", put(value, "statistics"), READ) for value in (None, [], "a", {"test": None})),
    ("statistics without keys", put({"depth": {}}, "statistics", "test"), READ),
    *((f"count {value!r}", put(value, "splits", "test", "count"), "") for value in NO_NUMBERS),
    *((f"frames {value!r}", put(value, "splits", "test", "frames"), "") for value in (None, 2, [], ["a"], [1, 2])),
    *((f"arrays {value!r}", put(value, "splits", "test", "arrays"), "") for value in (None, {}, [], "depth")),
    *((f"file {value!r}", put(value, *ARRAY, "file"), "") for value in (
        None, "", 3, [], "../x.npy", "/etc/passwd", "test", "test/\0.npy", "n" * 300)),
    *((f"dtype {value!r}", put(value, *ARRAY, "dtype"), "") for value in (
        None, "", "float99", "object", "O", "float64", "int16", 3, [], "__import__('os')")),
    *((f"shape {value!r}", put(value, *ARRAY, "shape"), "") for value in (
        None, 3, [], "2", [2], [2, 48], [2, 48, 64, 1], [-2, 48, 64], [2.0, 48, 64], [1, 48, 64], [3, 48, 64],
        [2, 64, 48], [None, 48, 64])),
    *((f"bytes {value!r}", put(value, *ARRAY, "bytes"), "") for value in (None, "9", -1, 0, 2**70)),
    ("checksum as text", put("a", *ARRAY, "crc32"), CONTRADICTS),
    ("unknown key of a file", put(1, *ARRAY, "colour"), READ),
    ("unknown key of a map", put(1, "modalities", "depth", "colour"), READ),
    *((f"kind {value!r}", put(value, "modalities", "depth", "kind"), "") for value in (None, "sound", "image")),
    ("kind 'binary'", put("binary", "modalities", "depth", "kind"), READ),
    ("a name of another", put("height", "modalities", "depth", "name"), READ),
    ("a map that is not described", edited(lambda raw: raw["modalities"].pop("depth")), CONTRADICTS),
    ("no image", edited(lambda raw: [split["arrays"].pop("image") for split in raw["splits"].values()]), "no images"),
    ("fewer names than classes", edited(lambda raw: raw["modalities"]["label13"].update(
        names=["a", "b"], colours=[[0, 0, 0], [1, 1, 1]], weights=[1.0, 1.0])), "label13"),
    ("classes below -1", put(-2.0, "statistics", "test", "label13", "low"), "label13"),
    ("classes beyond", put(13.0, "statistics", "test", "label13", "high"), "label13"),
    ("shares of other classes", put([1.0], "statistics", "test", "label13", "classes"), "label13"),
]  # fmt: skip
ARRAYS = [
    ("grey image", rewritten("image", lambda v: v[..., 0]), "image"),
    ("image of 4 channels", rewritten("image", lambda v: v[..., [0, 1, 2, 2]]), "image"),
    ("image channels first", rewritten("image", lambda v: np.moveaxis(v, -1, 1)), "image"),
    ("image in floats", rewritten("image", lambda v: v.astype(np.float32)), "image"),
    ("image of 16 bits", rewritten("image", lambda v: v.astype(np.uint16)), "image"),
    ("depth of another size", rewritten("depth", lambda v: v[:, ::2, ::2]), "depth"),
    ("depth of one more axis", rewritten("depth", lambda v: v[..., None]), "depth"),
    ("depth turned", rewritten("depth", lambda v: v.swapaxes(1, 2)), "depth"),
    ("normals of 2 channels", rewritten("normal", lambda v: v[..., :2]), "normal"),
    ("normals channels first", rewritten("normal", lambda v: np.moveaxis(v, -1, 1)), "normal"),
    ("labels one-hot", rewritten("label13", lambda v: np.repeat(v[..., None], 13, -1)), "label13"),
    ("one row less", rewritten("depth", lambda v: v[:1]), "depth"),
    ("one row more", rewritten("image", lambda v: v[[0, 1, 1]]), "image"),
    ("no rows", rewritten("image", lambda v: v[:0]), "image"),
    ("array missing", removed(DEPTH), "missing"),
    ("array cut", cut(DEPTH, 0.5), "bytes instead of"),
    ("array's header damaged", flipped(DEPTH, 0.0), "header"),
    ("array a pipe", fifo(DEPTH), "no file"),
    ("array a folder", folder(DEPTH), "no file"),
    ("array a link to itself", link(DEPTH, "depth.npy"), "depth.npy"),
    ("array of another type", lambda root: (root / DEPTH).write_bytes(
        (root / DEPTH).read_bytes().replace(b"<f2", b"<i2")), "int16"),
    ("array in Fortran order", lambda root: (root / DEPTH).write_bytes(
        (root / DEPTH).read_bytes().replace(b"False", b"True ")), "Fortran"),
]  # fmt: skip
CASES = [Case(name, "store", harm, (words,)) for name, harm, words in (*NESTED, *KEYS, *ARRAYS)]
