"""A file of tensors is read as it was written, or not at all."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from src.foundation.tensor_files import DamagedFileError, load_tensors

CONTENT = {
    "state": {f"layer{i}.weight": torch.randn(8, 16, generator=torch.Generator().manual_seed(i)) for i in range(2)},
    "epoch": 3,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.save(CONTENT, tmp_path / "file.pt")
    return tmp_path / "file.pt"


def flat(content: Any) -> list[Any]:
    """List keys and values of nested dictionaries, tensors as lists."""
    if isinstance(content, dict):
        return [part for key, value in content.items() for part in (key, *flat(value))]
    return content.tolist() if torch.is_tensor(content) else [content]


def is_refused(file: Path, data: bytes) -> bool:
    """Whether a file of ``data`` is refused; where it is not, it holds what was written."""
    file.write_bytes(data)
    try:
        found = load_tensors(file)
    except DamagedFileError:
        return True
    assert flat(found) == flat(CONTENT)
    return False


def test_flipped_bytes_change_no_tensor(file: Path) -> None:
    good, draw = file.read_bytes(), random.Random(0)
    refused = 0
    for trial in range(200):
        bad = bytearray(good)
        start = draw.randrange(len(good) - 64)
        places = range(start, start + 64) if trial % 2 else draw.sample(range(len(good)), 64)
        for place in places:
            bad[place] ^= draw.randrange(1, 256)
        refused += is_refused(file, bytes(bad))
    assert refused > 150


def test_a_byte_of_the_archives_directory_changes_no_tensor(file: Path) -> None:
    good = file.read_bytes()
    for place in range(good.index(b"PK\x01\x02"), len(good)):
        bad = bytearray(good)
        bad[place] ^= 0x10  # among others the attribute of a folder, whose content torch leaves uninitialised
        is_refused(file, bytes(bad))


def test_what_is_cut_short_is_refused(file: Path) -> None:
    good = file.read_bytes()
    for length in [*range(0, len(good), 37), len(good) - 1]:
        assert is_refused(file, good[:length]), length


@pytest.mark.parametrize("data", [b"", b"no archive at all", b"PK\x03\x04"])
def test_what_is_no_archive_is_refused_in_a_line(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    with pytest.raises(DamagedFileError) as caught:
        load_tensors(file)
    assert "\n" not in str(caught.value)


def test_an_intact_file_is_read_mapped_or_not(file: Path) -> None:
    assert flat(load_tensors(file)) == flat(load_tensors(file, mmap=True)) == flat(CONTENT)
