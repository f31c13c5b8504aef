"""From a source to a packed store."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from io import BytesIO
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from src.data.sources.base import Source
from src.data.store.lock import only_writer
from src.data.store.manifest import FORMAT, ArrayFile, Manifest, Split
from src.data.store.manifest_file import prepare_command
from src.data.store.place import require_replaceable
from src.data.store.reader import PackedStore
from src.data.store.writer import StoreWriter
from src.foundation.errors import UserError
from src.modalities.storing import encode

FRAMES_PER_WORKER = 32  # with fewer, a worker takes longer to start than to work
Frame = dict[str, np.ndarray]
Job = tuple[str, int]
Check = Callable[[StoreWriter], None]


def pack_if_missing(source: Source, root: Path, size: tuple[int, int], workers: int, dataset: str) -> PackedStore:
    """Open the store at ``root``, packing it first where there is none; of processes that start together one packs."""
    if not root.exists():
        with only_writer(root, wait=True):
            if not root.exists():
                _pack(source, root, size, workers, dataset)
    return PackedStore.open(root)


def pack(
    source: Source, root: Path, size: tuple[int, int], workers: int, dataset: str, check: Check | None = None
) -> PackedStore:
    """Read every frame of ``source`` at ``size`` (H, W) into a store at ``root``, replacing one that is there.

    An unfinished store of the same settings is continued. Memory does not grow with the number of frames.

    Args:
        source: where frames come from.
        root: the store's folder.
        size: height and width.
        workers: most processes that read; up to 1 reads in this process, as does any number for few frames.
        dataset: the dataset's name, for the manifest and for error messages.
        check: looks at what is written before it becomes the store, and raises UserError where that must not be.

    Raises:
        UserError: a frame cannot be read or is not what it should be, another process prepares the same store,
            the disk is full, or a worker died. What has been written is kept, to be continued.
    """
    root = Path(root)
    require_replaceable(root)
    with only_writer(root):
        _pack(source, root, size, workers, dataset, check)
    return PackedStore.open(root)


def _pack(
    source: Source, root: Path, size: tuple[int, int], workers: int, dataset: str, check: Check | None = None
) -> None:
    """Read and write every frame; the caller holds the right to write."""
    console = Console(stderr=True)
    asked = plan(source, size, dataset)
    try:
        with StoreWriter(root, asked) as writer:
            if writer.note:
                console.print(writer.note, highlight=False)
            jobs = [(split, index) for split in source.splits for index in writer.pending(split)]
            with _progress(console) as progress:
                task = progress.add_task(f"{dataset} {size[0]}x{size[1]}", total=len(jobs))
                for (split, index), frame in read_all(source, jobs, size, workers):
                    writer.write(split, index, frame)
                    progress.advance(task)
            if check is not None:
                check(writer)
            writer.finish()
    except BrokenProcessPool as error:
        why = "memory may have run out; finished frames are kept"
        mend = prepare_command(root, dataset, size, "workers=1")
        raise UserError("a process that reads frames died", why, mend) from error
    except OSError as error:
        raise UserError(f"{root} cannot be written", str(error), "free disk space, or choose paths.data=") from error


def plan(source: Source, size: tuple[int, int], dataset: str) -> Manifest:
    """Return the manifest, without checksums, of the store that ``source`` would make; reads a frame of each split."""
    splits = {}
    for name in source.splits:
        frames = tuple(source.frames(name))
        if not frames:
            raise UserError(
                f"the {name} split is empty", f"the source is {source.description}", "choose a source with both splits"
            )
        row = read_frame(source, (name, 0), size)
        arrays = {modality: _array_file(name, modality, row[modality], len(frames)) for modality in sorted(row)}
        splits[name] = Split(len(frames), frames, arrays)
    present = {name for split in splits.values() for name in split.arrays}
    modalities = {name: source.modalities[name] for name in sorted(present)}
    return Manifest(FORMAT, dataset, size, modalities, source.description, splits)


def read_frame(source: Source, job: Job, size: tuple[int, int]) -> Frame:
    """Read one frame in the types of the store; raises UserError where its values cannot be right."""
    frame = source.read(*job, size)
    where = f"{job[0]} frame {source.frames(job[0])[job[1]]}"
    return {name: encode(source.modalities[name], value, where, source.description) for name, value in frame.items()}


def read_all(source: Source, jobs: list[Job], size: tuple[int, int], workers: int) -> Iterator[tuple[Job, Frame]]:
    """Read frames in order, in ``workers`` processes that stay a bounded number of frames ahead."""
    workers = min(workers, len(jobs) // FRAMES_PER_WORKER)
    if workers <= 1:
        yield from ((job, read_frame(source, job, size)) for job in jobs)
        return
    # spawned, because forked workers would inherit the lock and keep it after this process is killed
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, _initialise, (source, size))
    try:
        yield from _bounded(pool, jobs, ahead=4 * workers)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _bounded(pool: ProcessPoolExecutor, jobs: Iterable[Job], ahead: int) -> Iterator[tuple[Job, Frame]]:
    """Yield jobs with their frames in order, with at most ``ahead`` jobs submitted and not yet yielded."""
    waiting: deque[tuple[Job, Future[Frame]]] = deque()
    for job in jobs:
        waiting.append((job, pool.submit(_work, job)))
        if len(waiting) >= ahead:
            first, future = waiting.popleft()
            yield first, future.result()
    for first, future in waiting:
        yield first, future.result()


_worker: tuple[Source, tuple[int, int]] | None = None


def _initialise(source: Source, size: tuple[int, int]) -> None:
    """Prepare a worker process: keep its source, leave interrupts to the parent, and end with it."""
    global _worker
    _worker = source, size
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    parent = multiprocessing.parent_process()
    if parent is not None:  # a killed parent must not leave workers waiting for ever
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _work(job: Job) -> Frame:
    assert _worker is not None
    source, size = _worker
    return read_frame(source, job, size)


def _array_file(split: str, modality: str, row: np.ndarray, count: int) -> ArrayFile:
    """Describe the .npy file of a modality with ``count`` rows like ``row``, its size in bytes included."""
    shape = (count, *row.shape)
    header = BytesIO()
    entry = {"descr": np.lib.format.dtype_to_descr(row.dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, entry)
    size = len(header.getvalue()) + count * row.nbytes
    return ArrayFile(f"{split}/{modality}.npy", str(row.dtype), shape, size)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)
