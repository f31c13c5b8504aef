"""The digest of everything that decides a run's outcome."""

import hashlib
import json
import zlib
from collections.abc import Collection, Mapping
from typing import Any

from src.data.store.manifest import Manifest

NOT_DECISIVE = (
    "paths", "logger", "pictures", "probe", "resume", "reuse", "teacher", "teacher_cache", "names", "dataset",
    "extensions", "objective",
)  # fmt: skip
"""Keys that cannot change what is trained, and those that enter the digest in another form."""
OF_DATA_NOT_DECISIVE = ("root", "workers", "resident", "source")
IDENTITY = ("name", "size", "classes")


def run_digest(config: Mapping[str, Any], unused: Collection[str], content: str, teachers: Mapping[str, str]) -> str:
    """Hash what decides a run's outcome.

    Args:
        config: the resolved configuration.
        unused: its groups that this run does not use.
        content: digest of the training data.
        teachers: each teacher's digest.
    """
    relevant = {key: value for key, value in config.items() if key not in {*NOT_DECISIVE, *unused}}
    dataset = {key: value for key, value in config["dataset"].items() if key not in OF_DATA_NOT_DECISIVE}
    text = json.dumps([relevant, dataset, content, dict(teachers)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def dataset_identity(dataset: Mapping[str, Any], manifest: Manifest) -> dict[str, Any]:
    """Return what a teacher's and a student's dataset must share.

    ``content`` hashes the checksums of the training arrays: the same for the same data, wherever it lies.
    """
    sums = {name: file.crc32 for name, file in sorted(manifest.splits["train"].arrays.items())}
    content = f"{zlib.crc32(repr(sums).encode()):08x}"
    return {key: dataset[key] for key in IDENTITY} | {"content": content}
