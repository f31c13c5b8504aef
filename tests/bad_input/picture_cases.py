"""Folders of pictures."""

import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from tests.bad_input.harms import (
    content,
    cut,
    device,
    fifo,
    flipped,
    folder,
    link,
    picture,
    pictures,
    png,
    removed,
    several,
)
from tests.bad_input.harness import Case, Harm

IMAGE, DEPTH, LABEL, NORMAL = (f"train/{name}/0003.png" for name in ("image", "depth", "label13", "normal"))
FIRST = "train/depth/0001.png"
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))
GREY = NOISE.convert("L")
FLOATS = Image.fromarray(np.ones((48, 64), np.float32))
SIXTEEN = Image.fromarray(np.full((48, 64), 40_000, np.uint16))
BOMB = b"Comment\0\0" + zlib.compress(b"a" * 80_000_000)
WRAPPED = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n%%EndComments\n(out) print\n"


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def beside(file: str, other: str) -> Harm:
    return lambda root: (root / other).write_bytes((root / file).read_bytes())


def renamed(file: str, other: str) -> Harm:
    return lambda root: (root / file).rename(root / other)


def wrapped(root: Path) -> None:
    (root / "NYUv2").mkdir()
    for split in ("train", "test"):
        (root / split).rename(root / "NYUv2" / split)


def with_noise(file: str) -> Harm:
    return lambda root: [
        (root / folder / file).write_bytes(b"\0\5\26\7") for folder in ("train/image", "train/label13", "test/depth")
    ]


def shared(root: Path) -> None:
    with Image.open(root / "train/image/0003.png") as opened:
        opened.save(root / "test/image/0002.webp", lossless=True)
    (root / "test/image/0002.png").unlink()


def unsigned(value: np.ndarray) -> np.ndarray:
    return (np.abs(value.astype(float) - 127.5) + 127.5).astype(np.uint8)


def away(value: np.ndarray) -> np.ndarray:
    return np.concatenate([value[..., :2], 255 - value[..., 2:]], axis=-1)


def with_mark(value: np.ndarray, mark: int, kind: type) -> np.ndarray:
    changed = value.astype(kind)
    changed[:5] = mark
    return changed


READING = [
    ("empty", content(IMAGE, b""), (IMAGE, "cannot be read")),
    ("text", content(IMAGE, b"hello"), (IMAGE, "cannot be read")),
    ("cut at once", cut(IMAGE, 0.01), (IMAGE, "cannot be read")),
    ("cut in the middle", cut(IMAGE, 0.5), (IMAGE, "cannot be read")),
    ("damaged in the middle", flipped(IMAGE), (IMAGE, "cannot be read")),
    ("cut label", cut(LABEL, 0.5), (LABEL, "cannot be read")),
    ("cut jpg", several(picture(IMAGE, NOISE, "JPEG"), cut(IMAGE, 0.5)), (IMAGE, "cannot be read")),
    ("cut webp", several(picture(IMAGE, NOISE, "WEBP"), cut(IMAGE, 0.5)), (IMAGE, "cannot be read")),
    ("cut tiff", several(picture(IMAGE, NOISE, "TIFF"), cut(IMAGE, 0.5)), (IMAGE, "cannot be read")),
    ("60,000 x 60,000", content(IMAGE, png(60_000, 60_000)), (IMAGE, "too large")),
    ("12,000 x 12,000", content(IMAGE, png(12_000, 12_000)), (IMAGE, "too large")),
    ("text chunk bomb", content(IMAGE, png(64, 48, (b"zTXt", BOMB))), (IMAGE, "cannot be read")),
    ("colour profile bomb", content(IMAGE, png(64, 48, (b"iCCP", BOMB))), (IMAGE, "cannot be read")),
    ("PostScript", content(IMAGE, WRAPPED), (IMAGE, "cannot be read")),
    ("pipe", fifo(IMAGE), (IMAGE, "pipe")),
    ("pipe as depth", fifo(DEPTH), (DEPTH, "pipe")),
    ("device", device(IMAGE), (IMAGE, "device")),
    ("device as label", device(LABEL), (LABEL, "device")),
    ("folder", folder(IMAGE), (IMAGE, "directory")),
    ("link to itself", link(IMAGE, "0003.png"), (IMAGE, "links")),
    ("link to nothing", link(NORMAL, "nowhere.png"), (NORMAL, "link to nowhere.png")),
    ("link below a file", link(IMAGE, "0001.png/x.png"), (IMAGE, "file, not a folder")),
    ("png beside jpg", beside(IMAGE, "train/image/0003.jpg"), ("two files named 0003", "0003.jpg", "0003.png")),
    ("png beside PNG", beside(LABEL, "train/label13/0003.PNG"), ("two files named 0003", "0003.PNG")),
    ("16 bits as image", picture(IMAGE, SIXTEEN), (IMAGE, "more than 8 bits", "257")),
    ("32 bits as image", picture(IMAGE, Image.fromarray(np.ones((48, 64), np.int32)), "TIFF"), (IMAGE, "8 bits")),
    ("floats as image", picture(IMAGE, FLOATS, "TIFF"), (IMAGE, "8 bits")),
    ("coloured depth", picture(DEPTH, NOISE), (DEPTH, "no depth map", "RGB")),
    ("depth in floats", picture(DEPTH, FLOATS, "TIFF"), (DEPTH, "no depth map")),
    ("coloured labels", picture(LABEL, NOISE), (LABEL, "no label map", "RGB")),
    ("labels with alpha", picture(LABEL, NOISE.convert("RGBA")), (LABEL, "no label map", "RGBA")),
    ("labels with 77", picture(LABEL, Image.new("L", (64, 48), 77)), ("label13", "0003", "class 76")),
    ("grey normals", picture(NORMAL, GREY), (NORMAL, "no normal map")),
    ("image of another aspect", picture(IMAGE, NOISE.resize((60, 48))), ("train frame 0003", "48x60", "48x64")),
    ("image on its side", picture(IMAGE, NOISE.transpose(Image.Transpose.ROTATE_90)), ("frame 0003", "64x48")),
    ("image turned by EXIF", picture(IMAGE, NOISE, exif=turned(6)), ("frame 0003", "64x48")),
    ("labels of another aspect", picture(LABEL, GREY.resize((32, 48))), ("label13", "frame 0003", "48x32")),
    ("depth of another aspect", picture(DEPTH, GREY.resize((64, 40))), ("depth", "frame 0003", "40x64")),
    ("normals of another aspect", picture(NORMAL, NOISE.resize((48, 48))), ("normal", "frame 0003", "48x48")),
    ("a depth missing", removed(DEPTH, FIRST), ("lacks 2 pictures", "depth/0001, depth/0003")),
    ("pictures of another kind", lambda r: [p.rename(p.with_suffix(".tga")) for p in r.glob("train/*/*")],
     ("train has no files", ".tga", ".png")),
    ("no test pictures", removed(*(f"test/{name}/{n}.png" for n in ("0002", "0005") for name in
                                   ("image", "depth", "label13", "label40", "normal"))), ("test has no files",)),
]  # fmt: skip

VALUES = [
    ("black images", pictures("*/image/*", lambda v: v // 128), ("image", "black", "accept=[image_range]")),
    ("white images", pictures("*/image/*", lambda v: v // 64 + 250), ("image", "white", "accept=[image_range]")),
    ("grey images", pictures("*/image/*", lambda v: np.full_like(v, 99)), ("image", "same", "accept=[constant]")),
    ("one class", pictures("*/label13/*", lambda v: np.full_like(v, 3)), ("label13", "accept=[one_class]")),
    ("no labels in test", pictures("test/label13/*", np.zeros_like), ("label13", "test", "accept=[nothing_valid]")),
    ("no labels", pictures("*/label40/*", np.zeros_like), ("label40", "train", "accept=[nothing_valid]")),
    ("no depth in test", pictures("test/depth/*", np.zeros_like), ("depth", "test", "accept=[nothing_valid]")),
    ("depth the same", pictures("*/depth/*", lambda v: np.full_like(v, 2000)), ("depth", "accept=[constant]")),
    ("65535 as invalid", pictures("*/depth/*", lambda v: with_mark(v, 65535, np.uint16)), ("accept=[depth_mark]",)),
    ("255 as invalid", pictures("*/depth/*", lambda v: with_mark(v / 40, 255, np.uint8)), ("accept=[depth_mark]",)),
    ("no normals", pictures("*/normal/*", lambda v: np.full_like(v, 127)), ("normal", "accept=[nothing_valid]")),
    ("one normal", pictures("*/normal/*", lambda v: np.full_like(v, 200)), ("normal", "same", "accept=[constant]")),
    ("normals without signs", pictures("*/normal/*", unsigned), ("normal", "negative", "accept=[normal_range]")),
    ("normals as BGR", pictures("*/normal/*", lambda v: v[..., ::-1]), ("normal", "BGR", "accept=[normal_axes]")),
    ("normals away", pictures("*/normal/*", away), ("normal", "away", "accept=[normal_sign]")),
    ("a frame in both splits", shared, ("in common", "0003 = 0002", "accept=[shared_frames]")),
]  # fmt: skip

SCALES = [
    ("millimetres as metres", 1.0, ("depth", "above", "2", "accept=[depth_range]", "depth_scale")),
    ("a thousandth", 1e6, ("depth", "below", "accept=[depth_range]")),
    ("beyond half precision", 1e-3, ("depth", "float16")),
    ("too small for half precision", 1e13, ("depth", "accept=[")),
    ("scale 0", 0.0, ("depth_scale", "above 0")),
    ("scale -1", -1.0, ("depth_scale", "above 0")),
    ("scale NaN", float("nan"), ("depth_scale",)),
    ("scale inf", float("inf"), ("depth_scale",)),
    ("scale as text", "1000", ("depth_scale", "number")),
    ("scale true", True, ("depth_scale", "number")),
    ("scale as list", [1000.0], ("depth_scale", "number")),
    ("scale that overflows", 1e-45, ("depth",)),
]

TAKEN = [
    ("hidden twins", with_noise("._0003.png")),
    (".DS_Store", with_noise(".DS_Store")),
    ("Thumbs.db", with_noise("Thumbs.db")),
    ("hidden picture", with_noise(".hidden.png")),
    ("capital PNG", renamed(IMAGE, "train/image/0003.PNG")),
    ("nested folder", wrapped),
    ("palette", picture(IMAGE, NOISE.convert("P"))),
    ("palette with transparency", picture(IMAGE, NOISE.convert("P"), transparency=3)),
    ("palette labels", picture(LABEL, Image.new("P", (64, 48), 3))),
    ("alpha", picture(IMAGE, NOISE.convert("RGBA"))),
    ("grey with alpha", picture(IMAGE, NOISE.convert("LA"))),
    ("CMYK", picture(IMAGE, NOISE.convert("CMYK"), "JPEG")),
    ("black and white", picture(IMAGE, NOISE.convert("1"))),
    ("grey", picture(IMAGE, GREY)),
    ("mirrored by EXIF", picture(IMAGE, NOISE, exif=turned(2))),
    ("half the size", picture(LABEL, GREY.resize((32, 24)).point(lambda v: v % 13))),
    ("a pixel less by rounding", picture(IMAGE, NOISE.resize((127, 95)))),
]

CASES = [
    *(Case(name, "pictures", harm, words) for name, harm, words in (*READING, *VALUES)),
    *(Case(name, "pictures", lambda _: None, words, {"depth_scale": scale}) for name, scale, words in SCALES),
    *(Case(name, "pictures", harm) for name, harm in TAKEN),
    *(Case(f"{name}, accepted", "pictures", harm, accept=("shared_frames", words[-1][8:-1]))
      for name, harm, words in VALUES),
]  # fmt: skip
