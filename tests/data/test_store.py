"""The packed store: what is written is what is read, killed writers are continued, damage is named."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest

from src.data.sources.base import SPLITS, by_name
from src.data.store.lock import only_writer
from src.data.store.manifest_differences import differences
from src.data.store.pack import pack, pack_if_missing, plan, read_all
from src.data.store.reader import PackedStore
from src.data.store.writer import StoreWriter
from src.foundation.errors import UserError
from src.modalities.base import Modality
from src.modalities.known import IMAGE, NORMAL, depth
from tests.conftest import REPOSITORY

SIZE = (4, 6)


@dataclass
class Noise:
    """A source of random frames; optionally slow, or with a frame that cannot be read."""

    description: str = "noise"
    counts: dict[str, int] = field(default_factory=lambda: {"train": 70, "test": 9})
    pause: float = 0.0
    broken: tuple[str, int] | None = None
    modalities: dict[str, Modality] = field(
        default_factory=lambda: by_name(
            IMAGE, Modality(name="label13", kind="classes", names=("a", "b")), depth(), NORMAL
        )
    )
    splits: tuple[str, ...] = SPLITS
    classes: int = 2

    def frames(self, split: str) -> list[str]:
        return [f"{split}-{i}" for i in range(self.counts[split])]

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        time.sleep(self.pause)
        if (split, index) == self.broken:
            raise UserError("picture 7 cannot be read", "it is cut off", "replace it")
        draw = np.random.default_rng([index, split == "test"])
        return {
            "image": draw.integers(0, 256, (*size, 3), np.uint8),
            "label13": draw.integers(-1, self.classes, size),
            "depth": draw.uniform(-1, 9, size).astype(np.float32),
            "normal": draw.normal(size=(*size, 3)),
        }


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data" / "noise-4x6"


@pytest.fixture
def store(root: Path) -> PackedStore:
    return pack(Noise(), root, SIZE, workers=0, dataset="noise")


def test_arrays_are_the_frames(store: PackedStore) -> None:
    assert store.modalities("test") == ["depth", "image", "label13", "normal"]
    for split, count in (("train", 70), ("test", 9)):
        assert store.count(split) == count
        for index in (0, count - 1):
            frame = Noise().read(split, index, SIZE)
            assert np.array_equal(store.array(split, "image")[index], frame["image"])
            assert np.array_equal(store.array(split, "label13")[index], frame["label13"])
            expected = np.where(frame["depth"] > 0, frame["depth"], 0).astype(np.float16)
            assert np.array_equal(store.array(split, "depth")[index], expected)
            unit = frame["normal"] / np.linalg.norm(frame["normal"], axis=-1, keepdims=True)
            np.testing.assert_allclose(store.array(split, "normal")[index], unit, atol=1e-3)
    types = {modality: str(store.array("train", modality).dtype) for modality in store.modalities("train")}
    assert types == {"image": "uint8", "label13": "int8", "depth": "float16", "normal": "float16"}


def test_arrays_cannot_be_written(store: PackedStore) -> None:
    with pytest.raises(ValueError, match="read-only"):
        store.array("train", "image")[0] = 0


def test_the_manifest_says_what_is_there(store: PackedStore) -> None:
    manifest = json.loads((store.root / "manifest.json").read_text())
    assert (manifest["dataset"], manifest["size"], manifest["source"]) == ("noise", [4, 6], "noise")
    assert manifest["modalities"]["depth"]["unit"] == "m"
    assert manifest["modalities"]["label13"]["names"] == ["a", "b"]
    assert manifest["splits"]["test"]["frames"][3] == "test-3"
    assert PackedStore.open(store.root).manifest == store.manifest
    store.verify()


def test_processes_write_the_same_bytes(store: PackedStore, tmp_path: Path) -> None:
    other = pack(Noise(), tmp_path / "other-4x6", SIZE, workers=2, dataset="noise")
    assert contents(other.root) == contents(store.root)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other-4x6.lock", "data", "other-4x6"]


@pytest.mark.parametrize("harm", ["missing", "truncated", "longer", "other type"])
def test_opening_names_the_damaged_file_and_the_command(store: PackedStore, harm: str) -> None:
    path = store.root / "test" / "depth.npy"
    data = path.read_bytes()
    path.unlink()
    if harm == "truncated":
        path.write_bytes(data[:-1])
    elif harm == "longer":
        path.write_bytes(data + b"0")
    elif harm == "other type":
        path.write_bytes(data.replace(b"<f2", b"<i2"))
    with pytest.raises(UserError) as error:
        PackedStore.open(store.root)
    assert str(path) in error.value.what
    assert error.value.mend.startswith("python -m src.prepare dataset=noise 'dataset.size=[4,6]'")


def test_a_changed_bit_is_found_by_verify(store: PackedStore) -> None:
    path = store.root / "train" / "label13.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"label13\.npy is damaged"):
        PackedStore.open(store.root).verify()


@pytest.mark.parametrize("text", [None, "{", "{}", '{"format": 99}', "[]"])
def test_a_store_without_a_readable_manifest(store: PackedStore, text: str | None) -> None:
    (store.root / "manifest.json").unlink()
    if text is not None:
        (store.root / "manifest.json").write_text(text)
    with pytest.raises(UserError, match=r"manifest\.json"):
        PackedStore.open(store.root)


def test_no_store(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no packed store") as error:
        PackedStore.open(tmp_path / "rooms-96x128")
    assert error.value.mend == f"python -m src.prepare dataset=rooms 'dataset.size=[96,128]' 'paths.data={tmp_path}'"
    with pytest.raises(UserError) as error:
        PackedStore.open(Path("data/rooms-9x8"))
    assert error.value.mend == "python -m src.prepare dataset=rooms 'dataset.size=[9,8]'"


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_keeps_finished_frames_and_no_store_appears(
    root: Path, store: PackedStore, tmp_path: Path, workers: int
) -> None:
    other = tmp_path / "broken-4x6"
    with pytest.raises(UserError, match="picture 7"):
        pack(Noise(broken=("train", 50)), other, SIZE, workers=workers, dataset="noise")
    assert not other.exists()
    with StoreWriter(other, plan(Noise(), SIZE, "noise")) as writer:
        assert writer.pending("train") == list(range(50, 70))
        assert "50 of 79 frames are done" in writer.note
    pack(Noise(), other, SIZE, workers=0, dataset="noise")
    assert contents(other) == contents(root)


def test_a_partial_store_of_other_settings_is_started_over(root: Path) -> None:
    with pytest.raises(UserError):
        pack(Noise(broken=("train", 50)), root, SIZE, workers=0, dataset="noise")
    with StoreWriter(root, plan(Noise(description="other noise"), SIZE, "noise")) as writer:
        assert "starting over" in writer.note
        assert "other noise" in writer.note
        assert len(writer.pending("train")) == 70


def test_a_frame_whose_commit_never_came_is_written_again(root: Path) -> None:
    source = Noise()
    with only_writer(root), StoreWriter(root, plan(source, SIZE, "noise")) as writer:
        for (split, index), frame in read_all(source, [("train", i) for i in range(40)], SIZE, 0):
            writer.write(split, index, frame)
        writer._written.clear()  # the end of a killed process: rows written since the last commit do not count
    with StoreWriter(root, plan(source, SIZE, "noise")) as writer:
        assert writer.pending("train") == list(range(32, 70))
        with pytest.raises(ValueError, match="frames are not written"):
            writer.finish()


KILLED = """
from pathlib import Path
from tests.data.test_store import SIZE, Noise, pack
if __name__ == "__main__":
    pack(Noise(pause=0.01), Path({root!r}), SIZE, workers={workers}, dataset="noise")
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_and_continued_gives_the_same_bytes(store: PackedStore, tmp_path: Path, workers: int) -> None:
    root, script = tmp_path / "killed-4x6", tmp_path / "script.py"
    script.write_text(KILLED.format(root=str(root), workers=workers))
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen([sys.executable, str(script)], env=environment, stderr=subprocess.PIPE)
    mask = tmp_path / "killed-4x6.partial" / "train.done"
    end = time.time() + 60
    while not mask.exists() and process.poll() is None and time.time() < end:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)  # returns only when the workers, who share stderr, have ended too
    assert process.returncode == -signal.SIGKILL
    assert not root.exists()
    with StoreWriter(root, plan(Noise(), SIZE, "noise")) as writer:
        assert 0 < len(writer.pending("train")) < 70
    pack(Noise(), root, SIZE, workers=0, dataset="noise")
    assert contents(root) == contents(store.root)


def test_a_second_writer_is_turned_away(root: Path) -> None:
    with only_writer(root):
        with pytest.raises(UserError, match="by another process"), only_writer(root):
            pass
        with pytest.raises(UserError, match="by another process"):
            pack(Noise(), root, SIZE, workers=0, dataset="noise")
    pack(Noise(), root, SIZE, workers=0, dataset="noise").verify()


@dataclass
class Watched(Noise):
    """A source that notes which process reads from it."""

    log: Path = Path()

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        with self.log.open("a") as stream:
            stream.write(f"{os.getpid()}\n")
        return super().read(split, index, size)


def pack_together(start: Barrier, source: Noise, root: Path) -> None:
    start.wait(60)
    pack_if_missing(source, root, SIZE, workers=0, dataset="noise").verify()


def test_of_processes_that_start_together_one_packs_and_all_can_read(
    store: PackedStore, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    spawn, root, source = get_context("spawn"), tmp_path / "shared-4x6", Watched(pause=0.01, log=tmp_path / "log")
    start = spawn.Barrier(2)
    processes = [spawn.Process(target=pack_together, args=(start, source, root)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(set(source.log.read_text().split())) == 1
    assert contents(root) == contents(store.root)
    assert f"waiting for another process, by which {root} is being prepared" in capfd.readouterr().out


def test_a_store_is_replaced_whole_and_open_maps_survive(store: PackedStore) -> None:
    old = store.array("train", "image")
    first = old[0].copy()
    new = pack(Noise(counts={"train": 3, "test": 2}), store.root, SIZE, workers=0, dataset="noise")
    assert (new.count("train"), store.count("train")) == (3, 70)
    assert np.array_equal(old[0], first)
    assert old[69].any()


def test_an_impossible_class_names_the_frame(root: Path) -> None:
    with pytest.raises(UserError, match=r"label13 of train frame train-\d+ holds class 2"):
        pack(Noise(classes=3), root, SIZE, workers=0, dataset="noise")


def test_an_empty_split(root: Path) -> None:
    with pytest.raises(UserError, match="the test split is empty"):
        pack(Noise(counts={"train": 2, "test": 0}), root, SIZE, workers=0, dataset="noise")


def test_a_full_disk_is_foreseen(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(UserError, match="GB are free there"):
        pack(Noise(), root, SIZE, workers=0, dataset="noise")
    assert not root.with_name("noise-4x6.partial").exists()


def test_a_store_of_the_version_before_is_read_and_needs_no_preparing(store: PackedStore) -> None:
    path = store.root / "manifest.json"
    content = json.loads(path.read_text())
    label = content["modalities"]["label13"]
    former = {key: value for key, value in content.items() if key not in ("modalities", "statistics")}
    former |= {
        "format": 1,
        "labels": {"label13": {key: label[key] for key in ("names", "colours")}},
        "units": {"depth": "m"},
    }
    path.write_text(json.dumps(former))
    read = PackedStore.open(store.root)
    assert {name: modality.kind for name, modality in read.manifest.modalities.items()} == {
        "depth": "scalar", "image": "image", "label13": "classes", "normal": "vector",
    }  # fmt: skip
    assert read.manifest.modalities["depth"] == depth()
    assert differences(read.manifest, plan(Noise(), SIZE, "noise")) == []
