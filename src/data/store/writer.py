"""Writing a packed store: resumable after a kill at any moment, and whole or absent under its name."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np

from src.data.store.manifest import MANIFEST, ArrayFile, Manifest, Split
from src.data.store.manifest_differences import differences
from src.data.store.manifest_file import manifest_from_json, prepare_command
from src.data.store.reader import checksum
from src.data.store.statistics import MapStatistics, measure, open_array, with_measured
from src.foundation.errors import UserError
from src.foundation.files import write_atomically

COMMIT_EVERY = 32  # frames between two waits for the disk


class StoreWriter:
    """Fills ``<root>.partial`` frame by frame and renames it to ``root`` when it is complete.

    A frame counts as done only when its rows have reached the disk; ``pending`` lists those that have not. An
    unfinished store is continued if it was made with the same plan. Use it in a ``with`` statement, by the one process
    that may write the store (``only_writer``).

    Args:
        root: where the store will be.
        plan: its manifest, without checksums.
    """

    def __init__(self, root: Path, plan: Manifest) -> None:
        self.root, self.plan = root, plan
        self.partial = root.with_name(root.name + ".partial")
        self.note = ""
        self._files: dict[tuple[str, str], tuple[int, int]] = {}
        self._done: dict[str, np.ndarray] = {}
        self._written: list[tuple[str, int]] = []

    def __enter__(self) -> "StoreWriter":
        """Continue the unfinished store or start a new one."""
        try:
            if not self._resumable():
                self._start()
            self._open()
        except BaseException:
            self._close_files()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep what has been written."""
        try:
            if self._files and self.partial.exists():
                self.commit()
        finally:
            self._close_files()

    def pending(self, split: str) -> list[int]:
        """List the frames of a split that are still to be written."""
        return [int(index) for index in np.flatnonzero(self._done[split] == 0)]

    def write(self, split: str, index: int, frame: dict[str, np.ndarray]) -> None:
        """Write one row of every array of a split; dtypes and shapes must be those of the plan."""
        for modality, file in self.plan.splits[split].arrays.items():
            row = frame[modality]
            if row.shape != file.shape[1:] or row.dtype != np.dtype(file.dtype):
                raise ValueError(f"{modality} of frame {index} is {row.dtype} {row.shape}, not as {file}")
            handle, offset = self._files[split, modality]
            _write_all(handle, np.ascontiguousarray(row).tobytes(), offset + index * row.nbytes)
        self._written.append((split, index))
        if len(self._written) >= COMMIT_EVERY:
            self.commit()

    def array(self, split: str, modality: str) -> np.ndarray:
        """Map what has been written of a modality, read only."""
        return open_array(self.partial / "store", self.plan.splits[split].arrays[modality].file)

    def commit(self) -> None:
        """Wait until the written rows are on the disk, then count their frames as done."""
        for handle, _ in self._files.values():
            os.fsync(handle)
        for split, index in self._written:
            self._done[split][index] = 1
        for split in {split for split, _ in self._written}:
            write_atomically(self._mask(split), self._done[split].tobytes())
        self._written.clear()

    def finish(self) -> Manifest:
        """Write checksums and manifest and put the store in place of whatever is at ``root``."""
        self.commit()
        left = sum(len(self.pending(split)) for split in self.plan.splits)
        if left:
            raise ValueError(f"{left} frames are not written")
        store = self.partial / "store"
        splits = {name: _with_checksums(store, split) for name, split in self.plan.splits.items()}
        manifest = _measured(store, replace(self.plan, splits=splits))
        write_atomically(store / MANIFEST, manifest.to_json())
        self._close_files()
        if self.root.exists():
            self.root.rename(self.partial / "replaced")
        store.rename(self.root)
        shutil.rmtree(self.partial)
        return manifest

    def _resumable(self) -> bool:
        """Whether an unfinished store can be continued; ``note`` becomes the message on one that exists."""
        path = self.partial / "plan.json"
        if not path.exists():
            return False
        try:
            found = manifest_from_json(path.read_text())
            changed = differences(found, self.plan)
        except (KeyError, TypeError, ValueError) as error:
            changed = [f"its plan cannot be read: {error}"]
        if not changed and self._arrays_whole():
            done = sum(int(self._read_mask(split).sum()) for split in self.plan.splits)
            self.note = f"continuing {self.partial}: {done} of {_total(self.plan)} frames are done"
            return True
        self.note = f"starting over: {self.partial} was made with other settings ({'; '.join(changed) or 'files'})"
        return False

    def _arrays_whole(self) -> bool:
        files = [file for split in self.plan.splits.values() for file in split.arrays.values()]
        paths = [(self.partial / "store" / file.file, file.bytes) for file in files]
        return all(path.is_file() and path.stat().st_size == size for path, size in paths)

    def _start(self) -> None:
        """Create the files of a new partial store and write its plan."""
        shutil.rmtree(self.partial, ignore_errors=True)
        self._check_room()
        for split in self.plan.splits.values():
            for file in split.arrays.values():
                path = self.partial / "store" / file.file
                path.parent.mkdir(parents=True, exist_ok=True)
                np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype(file.dtype), shape=file.shape)
        # last, because only a partial store with a plan is continued
        write_atomically(self.partial / "plan.json", self.plan.to_json())

    def _check_room(self) -> None:
        """Raise UserError where the disk has less free space than the store needs."""
        need = sum(file.bytes for split in self.plan.splits.values() for file in split.arrays.values())
        free = shutil.disk_usage(self.root.parent).free
        if need > free:
            raise UserError(
                f"{self.root} needs {need / 1e9:.2f} GB",
                f"only {free / 1e9:.2f} GB are free there",
                prepare_command(Path("ELSEWHERE") / self.root.name, self.plan.dataset, self.plan.size),
            )

    def _open(self) -> None:
        """Open every array's file for writing and read which frames are done."""
        for name, split in self.plan.splits.items():
            self._done[name] = self._read_mask(name)
            for modality, file in split.arrays.items():
                handle = os.open(self.partial / "store" / file.file, os.O_WRONLY)
                data = int(np.prod(file.shape)) * np.dtype(file.dtype).itemsize
                self._files[name, modality] = handle, file.bytes - data

    def _mask(self, split: str) -> Path:
        return self.partial / f"{split}.done"

    def _read_mask(self, split: str) -> np.ndarray:
        path, count = self._mask(split), self.plan.splits[split].count
        if path.exists() and path.stat().st_size == count:
            return np.frombuffer(path.read_bytes(), np.uint8).copy()
        return np.zeros(count, np.uint8)

    def _close_files(self) -> None:
        for handle, _ in self._files.values():
            os.close(handle)
        self._files.clear()


def _write_all(handle: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        count = os.pwrite(handle, view, offset)
        view, offset = view[count:], offset + count


def _with_checksums(store: Path, split: Split) -> Split:
    def summed(file: ArrayFile) -> ArrayFile:
        return replace(file, crc32=checksum(store / file.file))

    return replace(split, arrays={name: summed(file) for name, file in split.arrays.items()})


def _measured(store: Path, manifest: Manifest) -> Manifest:
    """Return the manifest with what its arrays hold."""
    statistics: dict[str, dict[str, MapStatistics]] = {}
    modalities = dict(manifest.modalities)
    for split_name, split in manifest.splits.items():
        arrays = {name: open_array(store, file.file) for name, file in split.arrays.items()}
        statistics[split_name] = {name: measure(array, modalities[name]) for name, array in arrays.items()}
        if split_name == "train":
            modalities |= {name: with_measured(modalities[name], array) for name, array in arrays.items()}
    return replace(manifest, modalities=modalities, statistics=statistics)


def _total(plan: Manifest) -> int:
    return sum(split.count for split in plan.splits.values())
