"""Files that are read as they are meant, and causes that a test on data alone does not reach: permission, locks."""

import errno
import fcntl
import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src.data.files.arrays import read_npy
from src.data.files.listing import files_by_stem
from src.data.files.pictures import read_picture, read_rgb
from src.data.store.lock import only_writer
from src.foundation.errors import UserError
from tests.conftest import Workspace

SCENE = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
TURNS = {
    1: lambda v: v,
    2: lambda v: v[:, ::-1],
    3: lambda v: v[::-1, ::-1],
    4: lambda v: v[::-1],
    5: lambda v: v.swapaxes(0, 1),
    6: lambda v: np.rot90(v, -1),
    7: lambda v: v[::-1, ::-1].swapaxes(0, 1),
    8: lambda v: np.rot90(v),
}


def stream(image: Image.Image, kind: str = "PNG", **options: object) -> BytesIO:
    written = BytesIO()
    image.save(written, kind, **options)
    return BytesIO(written.getvalue())


@pytest.mark.parametrize("orientation", TURNS)
def test_pictures_are_turned_as_they_say(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    written = stream(Image.fromarray(SCENE), exif=exif)
    assert np.array_equal(read_rgb(written, "x"), TURNS[orientation](SCENE))
    labels = stream(Image.fromarray(SCENE[..., 0]), exif=exif)
    assert np.array_equal(read_picture(labels, "x")[0], TURNS[orientation](SCENE[..., 0]))


def test_what_is_transparent_is_over_white_and_palettes_are_looked_up() -> None:
    clear = np.dstack([SCENE, np.zeros((6, 9), np.uint8)])
    assert (read_rgb(stream(Image.fromarray(clear)), "x") == 255).all()
    solid = np.dstack([SCENE, np.full((6, 9), 255, np.uint8)])
    assert np.array_equal(read_rgb(stream(Image.fromarray(solid)), "x"), SCENE)
    palette = Image.fromarray(SCENE[..., 0] % 4, "P")
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 1, 2, 3])
    table = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90], [1, 2, 3]])
    assert np.array_equal(read_rgb(stream(palette), "x"), table[SCENE[..., 0] % 4])
    assert np.array_equal(read_picture(stream(palette), "x")[0], SCENE[..., 0] % 4)
    with pytest.raises(UserError, match="more than 8 bits"):
        read_rgb(stream(Image.fromarray(SCENE[..., 0].astype(np.uint16) * 257)), "x")


def test_arrays_in_any_order_are_the_same(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.asfortranarray(SCENE))
    found = read_npy(tmp_path / "a.npy")
    assert np.array_equal(found, SCENE)
    assert found.flags.c_contiguous


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "may not be read"),
        (errno.EPERM, "may not be read"),
        (errno.EAGAIN, "is locked"),
        (errno.EBUSY, "is locked"),
        (errno.EIO, "cannot be read"),
        (errno.ESTALE, "cannot be read"),
    ],
)
def test_the_true_cause_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    Image.fromarray(SCENE).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", SCENE)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("PIL.Image.open", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    for read, name in ((read_rgb, "a.png"), (read_npy, "a.npy")):
        with pytest.raises(UserError, match=words) as error:
            read(tmp_path / name)
        assert str(tmp_path / name) in error.value.what
        assert "damaged" not in str(error.value)


def test_a_folder_that_may_not_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UserError, match="may not be read"):
        files_by_stem(tmp_path, (".png",))


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_without_flock_one_process_writes_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    root = tmp_path / "rooms-4x6"
    for _ in range(2):  # what one holder leaves does not keep out the next
        with only_writer(root), pytest.raises(UserError, match="by another process"), only_writer(root):
            pass


def test_other_trouble_with_locks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(UserError, match=r"cannot hold a lock(?s:.*)Input/output error"),
        only_writer(tmp_path / "a-4x6"),
    ):
        pass


def test_prepare_tells_what_it_stored_and_draws_it(workspace: Workspace, tmp_path: Path) -> None:
    small = ("dataset=rooms", "dataset.size=[12,16]", "dataset.source.train=3", "dataset.source.test=2")
    result = workspace.call("prepare", *small)
    assert result.code == 0
    for column in ("median", "valid", "missing"):
        assert column in result.out
    for modality in ("depth", "image", "label13", "normal"):
        assert result.out.count(f" {modality} ") >= 2
    with Image.open(tmp_path / "data" / "rooms-12x16" / "contact_sheet.png") as sheet:
        assert min(sheet.size) > 500
    wrong = workspace.call("prepare", *small, "accept=[depth]", "overwrite=true")
    assert wrong.code == 1
    assert "depth_range" in wrong.out
