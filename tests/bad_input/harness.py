"""What a case of bad input is, and how it is tried: on a copy of tiny valid data, through what `prepare` calls."""

import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from src.app.command import Invocation
from src.prepare import prepare
from tests.data.cityscapes import data as cityscapes
from tests.data.nyuv2 import data as nyuv2

Harm = Callable[[Path], object]
TRAIN, TEST = [1, 3, 4], [2, 5]
ALL_MAPS = ("image", "depth", "label13", "label40", "normal")
SIZES = {"nyuv2": (48, 64), "cityscapes": (32, 64)}


@dataclass(frozen=True)
class Case:
    """What is done to valid data of a form, and what is said to it; no ``words``: it is stored all the same."""

    name: str
    form: str
    harm: Harm
    words: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    accept: tuple[str, ...] = ()
    source: str = ""

    def __str__(self) -> str:
        return f"{self.form}: {self.name}"


def write_valid(form: str, folder: Path) -> None:
    """Write tiny data that `prepare` takes."""
    folder.mkdir(parents=True)
    if form == "pictures":
        nyuv2.write_pictures(folder, TRAIN, TEST, ALL_MAPS)
    elif form == "mat":
        nyuv2.write_mat(folder, TRAIN, TEST)
    elif form == "mtan":
        nyuv2.write_mtan(folder, TRAIN, TEST)
    elif form == "cityscapes mtan":
        cityscapes.write_mtan(folder)
    else:
        for package in cityscapes.ENDINGS:
            (cityscapes.write_zip if form == "zips" else cityscapes.write_folder)(folder, package)


def dataset_of(form: str) -> tuple[str, tuple[int, int]]:
    """Return the dataset of a form, and the size at which its tiny data are."""
    name = "nyuv2" if form in ("pictures", "mat", "mtan") else "cityscapes"
    return name, SIZES[name]


def try_to_prepare(case: Case, source: Path, root: Path) -> str:
    """Prepare a source as the command does; returns what it printed."""
    name, size = dataset_of(case.form)
    options = {"_target_": name, "path": str(source), **({"subset": True} if name == "cityscapes" else {})}
    dataset = SimpleNamespace(name=name, size=size, root=str(root), source=options | dict(case.options))
    config: Any = SimpleNamespace(dataset=dataset, workers=0, overwrite=False, accept=list(case.accept))
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.redirect_stderr(printed):
        prepare(Invocation(config, {}, []))
    return printed.getvalue()
