"""A proxy teacher: one multi-task network that teaches all of its tasks, run once a step."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from src.distillation.cache import TeacherCache
from src.distillation.frozen_teachers import FrozenTeachers
from src.models.mtan import mtan
from src.models.small import small
from tests.conftest import TINY, Workspace, read_json

OUTPUTS = {"semantic": 5, "depth": 1, "normal": 3}


@pytest.fixture(scope="module")
def proxy(trained_root: Path) -> Path:
    return Workspace(trained_root, str).train("stage=student", "distillation=none", "pictures.count=0", "seed=1")


class Passes:
    """Counts a network's passes."""

    def __init__(self, network: nn.Module) -> None:
        self.count = 0
        network.register_forward_hook(self._note)

    def _note(self, *args: Any) -> None:
        self.count += 1


@pytest.mark.parametrize(("build", "filters"), [(small, [4, 6, 8, 8]), (mtan, [4, 4, 4, 4, 4])])
def test_a_network_under_several_names_runs_once_and_answers_as_several_would(build: Any, filters: list[int]) -> None:
    network = build(OUTPUTS, filters).eval()
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.normal_()
    state, levels = network.state_dict(), {"semantic": ["bottleneck"], "depth": ["decoder"], "normal": []}
    copies = {}
    for name in OUTPUTS:
        copies[name] = build(OUTPUTS, filters)
        copies[name].load_state_dict(state)
    apart = FrozenTeachers(copies, levels)
    together = FrozenTeachers(dict.fromkeys(OUTPUTS, network), levels)
    image = torch.randn(2, 3, 32, 64)
    passes = Passes(network.trunk)
    for tasks, among in (((), None), (["depth"], None), (list(OUTPUTS), None), (["normal"], ["normal", "semantic"])):
        passes.count = 0
        features, raw = together.features_and_outputs(image, tasks, among)
        expected, expected_raw = apart.features_and_outputs(image, tasks, among)
        assert passes.count == 1
        assert list(features) == list(expected)
        assert set(raw) == set(expected_raw) == set(tasks)
        for name, by_level in expected.items():
            for level in by_level:
                torch.testing.assert_close(features[name][level], by_level[level])
        for name, value in expected_raw.items():
            torch.testing.assert_close(raw[name], value)


def test_the_cache_keeps_a_shared_feature_once() -> None:
    teachers = FrozenTeachers(
        dict.fromkeys(OUTPUTS, small(OUTPUTS, [4, 6, 8, 8])), {name: ["decoder"] for name in OUTPUTS}
    )
    image = torch.randn(4, 3, 32, 64)
    cache = TeacherCache(teachers, [], 1, capacity=1.0)
    cache.fill(4, [(torch.arange(4), image)])
    tables = [cache.tables[name]["decoder"] for name in OUTPUTS]
    assert all(table is tables[0] for table in tables)
    for name, features in cache(image, torch.arange(4))[0].items():
        torch.testing.assert_close(features["decoder"], teachers(image)[name]["decoder"], rtol=1e-4, atol=1e-5)


def test_a_multi_task_run_teaches_all_its_tasks(trained: Workspace, proxy: Path, tmp_path: Path) -> None:
    run = trained.train("stage=student", f"teacher.proxy={proxy}", "distillation.output_weight=1", "pictures.count=0")
    record = read_json(run / "run.json")
    assert record["teachers"] == dict.fromkeys(OUTPUTS, str(proxy))
    digest = read_json(proxy / "run.json")["digest"]
    assert record["teacher_digests"] == record["teacher_runs"] == dict.fromkeys(OUTPUTS, digest)
    assert set(record["proxy_teachers"]) == set(OUTPUTS)
    single = [trained.teacher(task) for task in OUTPUTS]
    plain = trained.train("stage=student", "pictures.count=0")
    result = trained.call("report", f"runs=[{','.join(map(str, [run, plain, proxy, *single]))}]", f"out={tmp_path}")
    assert result.code == 0, result.out
    table = (tmp_path / "comparison.md").read_text()
    lines = [line.split("|") for line in table.splitlines() if line.startswith("| ")]
    rows = {cells[1].strip(): cells for cells in reversed(lines)}  # those of the first table
    (taught,) = (row for name, row in rows.items() if "proxy" in name)
    heading = next(row for name, row in rows.items() if name == "method")
    gain = taught[next(i for i, cell in enumerate(heading) if "Delta_MTL" in cell)].strip()
    assert float(gain)  # against the single-task teachers of its own settings
    assert any("matched" in name and "proxy" not in name for name in rows)


def test_one_task_can_have_another_teacher_and_one_none(trained: Workspace, proxy: Path) -> None:
    own = trained.teacher("depth")
    weights = shutil.copy(proxy / "weights.pt", trained.root / "proxy.pt")
    run = trained.train(
        "stage=student", f"teacher.proxy={weights}", f"teacher.depth={own}", "teacher.normal=none", "pictures.count=0"
    )
    record = read_json(run / "run.json")
    assert record["teachers"] == {"semantic": str(weights), "depth": str(own)}
    assert record["proxy_teachers"] == {"semantic": "proxy.pt"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("teacher.proxy=PROXY", "teacher.seed=1"), "teacher.seed would change nothing"),
        (("teacher.proxy=PROXY", "distillation=none"), "teacher.proxy would change nothing"),
        (("teacher.proxy=PROXY", "objective=delta_mtl"), "single-task teachers"),
        (("teacher.depth=PROXY", "objective=delta_mtl"), "of a single-task run is recorded there"),
        (("teacher.proxy=DEPTH",), "is not a teacher of semantic"),
        (("teacher.proxy=nowhere",), "nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_teach_is_refused(trained: Workspace, proxy: Path, options: tuple[str, ...], message: str) -> None:
    given = [o.replace("PROXY", str(proxy)).replace("DEPTH", str(trained.teacher("depth"))) for o in options]
    result = trained.call("train", *TINY, "stage=student", *given)
    assert result.code == 1
    assert message in result.out
    assert "Traceback" not in result.out
