"""Cityscapes' packages, in folders and in zips; and places that hold nothing that is known."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.bad_input.harms import content, cut, device, fifo, folder, link, picture, pictures, removed
from tests.bad_input.harness import Case, Harm

ZIP = "gtFine_trainvaltest.zip"
START = "train/aachen/aachen_000001_000019"
IMAGE = f"leftImg8bit/{START}_leftImg8bit.png"
LABELS = f"gtFine/{START}_gtFine_labelIds.png"
DISPARITY = f"disparity/{START}_disparity.png"
GREY = Image.new("L", (64, 32), 7)


def repacked(change: Callable[[str], str | None], more: dict[str, bytes] | None = None) -> Harm:
    """Pack all zips anew under other names; None leaves a file out."""

    def harm(root: Path) -> None:
        for path in root.glob("*.zip"):
            with zipfile.ZipFile(path) as old:
                files = {name: old.read(name) for name in old.namelist()}
            with zipfile.ZipFile(path, "w") as new:
                for name, data in files.items():
                    if changed := change(name):
                        new.writestr(changed, data)
                for name, data in (more or {}).items():
                    new.writestr(name, data)

    return harm


def patched(offset: int, value: int) -> Harm:
    """Change a field of all headers in a zip: general flags (6) or compression (8)."""

    def harm(root: Path) -> None:
        data = bytearray((root / ZIP).read_bytes())
        for signature, at in ((b"PK\3\4", offset), (b"PK\1\2", offset + 2)):
            start = data.find(signature)
            while start >= 0:
                data[start + at] = value
                start = data.find(signature, start + 4)
        (root / ZIP).write_bytes(bytes(data))

    return harm


def damaged(root: Path) -> None:
    data = bytearray((root / ZIP).read_bytes())
    at = data.find(b"IDAT")
    data[at + 10 : at + 30] = bytes(20)
    (root / ZIP).write_bytes(bytes(data))


def unpacked_below(root: Path) -> None:
    for path in root.glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(root / path.stem)
        path.unlink()


def shared(root: Path) -> None:
    frame = next(root.glob("leftImg8bit/val/*/frankfurt*"))
    frame.write_bytes((root / IMAGE).read_bytes())


def moved_into_one_more(root: Path) -> None:
    inner = [*root.iterdir()]
    (root / "Cityscapes").mkdir()
    for path in inner:
        path.rename(root / "Cityscapes" / path.name)


FOLDERS = [
    ("id 77", picture(LABELS, Image.new("L", (64, 32), 77)), ("labelIds.png", "id 77")),
    ("coloured labels", picture(LABELS, GREY.convert("RGB")), ("labelIds.png", "RGB")),
    ("disparity of 8 bits", picture(DISPARITY, GREY), ("disparity.png", "pixels of kind L")),
    ("grey image", picture(IMAGE, GREY), ("leftImg8bit.png", "pixels of kind L")),
    ("image with alpha", picture(IMAGE, GREY.convert("RGBA")), ("leftImg8bit.png", "RGBA")),
    ("cut image", cut(IMAGE, 0.5), ("leftImg8bit.png", "cannot be read")),
    ("empty labels", content(LABELS, b""), ("labelIds.png", "cannot be read")),
    ("pipe", fifo(IMAGE), ("leftImg8bit.png", "pipe")),
    ("device", device(DISPARITY), ("disparity.png", "device")),
    ("folder", folder(LABELS), ("labelIds.png", "directory")),
    ("link to itself", link(IMAGE, IMAGE.split("/")[-1]), ("leftImg8bit.png", "links")),
    ("missing", removed(DISPARITY), ("lacks 1 files", "aachen_000001_000019_disparity.png")),
    ("PNG beside png", lambda r: (r / IMAGE.replace(".png", ".PNG")).write_bytes(b""), ("two files of frame",)),
    ("one frame in two cities", lambda r: ((r / "gtFine/train/x").mkdir(), (
        r / "gtFine/train/x" / LABELS.split("/")[-1]).write_bytes(b"")), ("two files of frame",)),
    ("labels of another aspect", picture(LABELS, GREY.resize((60, 32))), ("gtFine", "32x60", "32x64")),
    ("disparity of another aspect", picture(DISPARITY, Image.fromarray(np.ones((30, 64), np.uint16))), ("30x64",)),
    ("no disparity", pictures("disparity/*/*/*", np.zeros_like), ("depth", "accept=[nothing_valid]")),
    ("constant disparity", pictures("disparity/*/*/*", lambda v: v * 0 + 999), ("depth", "accept=[constant]")),
    ("one class", pictures("gtFine/*/*/*labelIds*", lambda v: v * 0 + 7), ("label7", "label19", "accept=[one_class]")),
    ("all ignored", pictures("gtFine/*/*/*labelIds*", np.zeros_like), ("label19", "accept=[nothing_valid]")),
    ("black images", pictures("leftImg8bit/*/*/*", lambda v: v // 200), ("image", "accept=[image_range]")),
    ("shared frames", shared, ("in common", "accept=[shared_frames]")),
]  # fmt: skip
ZIPS = [
    ("cut", cut(ZIP, 0.5), (ZIP, "not a whole zip")),
    ("text", content(ZIP, b"hello"), (ZIP, "not a whole zip")),
    ("empty", content(ZIP, b""), (ZIP, "not a whole zip")),
    ("pipe", fifo(ZIP), (ZIP, "pipe")),
    ("device", device(ZIP), (ZIP, "device")),
    ("encrypted", patched(6, 1), ("labelIds.png", ZIP, "encrypted")),
    ("compressed oddly", patched(8, 97), ("labelIds.png", ZIP, "pack it anew")),
    ("strongly encrypted", patched(6, 65), ("labelIds.png", ZIP)),
    ("a damaged member", damaged, ("labelIds.png", "cannot be read")),
    ("missing", removed(ZIP), ("has no gtFine",)),
    ("missing member", repacked(lambda n: None if "aachen_000001" in n and "gtFine" in n else n),
     ("lacks 1 files", "aachen_000001_000019_gtFine_labelIds.png")),
    ("no splits in it", repacked(lambda n: n.replace("/train/", "/").replace("/val/", "/")),
     ("no files of Cityscapes",)),
]  # fmt: skip
TAKEN = [
    ("folders", "hidden twins", lambda r: (r / IMAGE).with_name("._" + IMAGE.split("/")[-1]).write_bytes(b"\0")),
    ("folders", ".DS_Store", content("leftImg8bit/train/.DS_Store", b"\0")),
    ("folders", "capital PNG", lambda r: (r / IMAGE).rename(r / IMAGE.replace(".png", ".PNG"))),
    ("folders", "one more folder", moved_into_one_more),
    ("zips", "one more folder", repacked(lambda n: f"Cityscapes/{n}")),
    ("zips", "without the top folder", repacked(lambda n: n.partition("/")[2])),
    ("zips", "of a Mac", repacked(lambda n: n, {f"__MACOSX/{START}_gtFine_labelIds.png": b"\0"})),
    ("zips", "unpacked into folders of their names", unpacked_below),
]
PLACES = [
    ("pictures", "nothing there", "nowhere", lambda _: None, ("there is no",)),
    ("pictures", "a file of another kind", "a.txt", content("a.txt", b"hello"), ("no NYUv2", "another kind")),
    ("pictures", "below a file", "a.txt/b", content("a.txt", b"hello"), ("a.txt/b", "file, not a folder")),
    ("pictures", "a pipe", "p", fifo("p"), ("no NYUv2",)),
    ("pictures", "a link to itself", "l", link("l", "l"), ("links",)),
    ("pictures", "a link to nothing", "l", link("l", "m"), ("link to m",)),
    ("pictures", "a name too long", "n" * 300, lambda _: None, ("cannot be read",)),
    ("folders", "nothing there", "nowhere", lambda _: None, ("there is no folder",)),
    ("folders", "a file", "README", lambda _: None, ("there is no folder",)),
    ("folders", "another folder", "gtFine/train", lambda _: None, ("no Cityscapes", "found: aachen/")),
    ("folders", "a link to itself", "l", link("l", "l"), ("links",)),
]
CASES = [
    *(Case(name, "folders", harm, words) for name, harm, words in FOLDERS),
    *(Case(name, "zips", harm, words) for name, harm, words in ZIPS),
    *(Case(name, form, harm) for form, name, harm in TAKEN),
    *(Case(f"source is {name}", form, harm, words, source=source) for form, name, source, harm, words in PLACES),
]
