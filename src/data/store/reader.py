"""The packed store: memory-mapped arrays per split and modality under one manifest."""

import zlib
from pathlib import Path

import numpy as np

from src.data.files.opening import unreadable
from src.data.store.consistency import contradictions
from src.data.store.manifest import MANIFEST, ArrayFile, Manifest
from src.data.store.manifest_file import prepare_command, read_manifest
from src.foundation.errors import UserError


class PackedStore:
    """A prepared dataset, opened for reading.

    An array per modality and split, (N, H, W) or (N, H, W, channels), in the form that ``Modality`` describes.
    """

    def __init__(self, root: Path, manifest: Manifest) -> None:
        self.root, self.manifest = root, manifest

    @classmethod
    def open(cls, root: Path) -> "PackedStore":
        """Open the store at ``root``; raises UserError naming the first file that is missing or not as it should be."""
        root = Path(root)
        manifest = read_manifest(root)
        for problem in contradictions(manifest):
            raise UserError(f"{root / MANIFEST} contradicts itself", problem, prepare_command(root))
        store = cls(root, manifest)
        for split in store.manifest.splits.values():
            for file in split.arrays.values():
                store._check(file)
        return store

    def count(self, split: str) -> int:
        """Count the frames of a split."""
        return self.manifest.splits[split].count

    def modalities(self, split: str) -> list[str]:
        """List the arrays of a split."""
        return list(self.manifest.splits[split].arrays)

    def array(self, split: str, modality: str) -> np.memmap:
        """Map the array of a modality, read only: (N, ...); raises KeyError for one that the store lacks."""
        path = self.root / self.manifest.splits[split].arrays[modality].file
        array = np.load(path, mmap_mode="r")
        assert isinstance(array, np.memmap)
        return array

    def verify(self) -> None:
        """Read every file and compare its checksum; raises UserError naming the first that differs."""
        for split in self.manifest.splits.values():
            for file in split.arrays.values():
                if checksum(self.root / file.file) != file.crc32:
                    raise self._damaged(file, "its content is not what was written (checksum)")

    def _check(self, file: ArrayFile) -> None:
        """Raise UserError unless a file has the size, shape and type that the manifest names."""
        path = self.root / file.file
        try:
            if not path.is_file():
                raise self._damaged(file, "it is missing, or no file")
            size = path.stat().st_size
        except OSError as error:
            raise unreadable(path, error) from error
        if size != file.bytes:
            raise self._damaged(file, f"it has {size} bytes instead of {file.bytes}")
        try:
            shape, dtype = read_header(path)
        except PermissionError as error:
            raise unreadable(path, error) from error
        except Exception as error:  # a header is parsed as Python, which fails in many ways
            raise self._damaged(file, f"its header cannot be read ({error})") from error
        if (shape, dtype) != (file.shape, np.dtype(file.dtype)):
            raise self._damaged(file, f"it holds {dtype} {shape} instead of {file.dtype} {file.shape}")

    def _damaged(self, file: ArrayFile, why: str) -> UserError:
        command = prepare_command(self.root, self.manifest.dataset, self.manifest.size)
        return UserError(f"{self.root / file.file} is damaged", why, command)


def read_header(path: Path) -> tuple[tuple[int, ...], np.dtype]:
    """Read shape and dtype from the header of a .npy file; raises ValueError if it has none."""
    with path.open("rb") as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    if fortran:
        raise ValueError("its axes are in Fortran order")
    return shape, dtype


def checksum(path: Path) -> int:
    """Compute the CRC-32 of a file in constant memory."""
    value = 0
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            value = zlib.crc32(block, value)
    return value
