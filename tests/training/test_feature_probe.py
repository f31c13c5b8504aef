"""What is told of a student's inside is right, and telling it leaves the training as it was."""

import csv
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from src.data.loading.module import DenseDataModule
from src.metrics.similarity import channel_cosine, cosines, feature_cka, linear_cka
from src.models.gradients import loss_gradients
from src.training.callbacks.feature_probe import FeatureProbe
from src.visual.feature_curves import sheet
from tests.conftest import TINY, Workspace, read_json

STUDENT = ("stage=student", "pictures.count=0", "trainer.max_epochs=2")
ON = ("probe.every=1", "probe.images=5")
PAIRS = {"semantic-depth", "semantic-normal", "depth-normal"}
TASKS = {"semantic", "depth", "normal"}


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as stream:
        return list(csv.DictReader(stream))


def inside(run: Path) -> list[dict[str, float]]:
    """The values told at each epoch."""
    return [{k: float(v) for k, v in row.items() if k.startswith("probe/") and v} for row in rows(run)]


def kinds(values: dict[str, float]) -> set[str]:
    return {key.split("/")[1] for key in values}


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "weights.pt", weights_only=True)["state_dict"]


def cka_of_kernels(x: np.ndarray, y: np.ndarray) -> float:
    """CKA by its definition: HSIC of n x n linear kernels (Kornblith et al. 2019, eq. 3)."""
    n = len(x)
    centring = np.eye(n) - 1 / n

    def hsic(k: np.ndarray, m: np.ndarray) -> float:
        return float(np.trace(k @ centring @ m @ centring))

    k, m = x @ x.T, y @ y.T
    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


def test_cka_is_that_of_the_kernels_and_knows_no_rotation_scale_or_shift() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(40, 6)) + 3, generator.normal(size=(40, 9)) - 1
    y[:, :3] += x[:, :3] ** 2
    wanted = cka_of_kernels(x, y)
    rotation, _ = np.linalg.qr(generator.normal(size=(6, 6)))
    turned = 0.3 * x @ rotation + 7
    got = [float(linear_cka(torch.tensor(a), torch.tensor(b))) for a, b in ((x, y), (y, x), (turned, y), (x, turned))]
    assert got == pytest.approx([wanted, wanted, wanted, 1.0], abs=1e-10)
    assert 0.05 < wanted < 0.95
    stretched = x * np.array([30, 1, 1, 1, 1, 1])
    assert float(linear_cka(torch.tensor(x), torch.tensor(stretched))) < 0.9


def test_the_cka_of_features_takes_pixels_as_samples_and_few_of_them() -> None:
    torch.manual_seed(0)
    one, other = torch.randn(3, 4, 5, 7), torch.randn(3, 6, 5, 7)
    x, y = (feature.permute(0, 2, 3, 1).reshape(105, -1).double().numpy() for feature in (one, other))
    assert feature_cka(one, other) == pytest.approx(cka_of_kernels(x, y), abs=1e-6)
    few = cka_of_kernels(x[::3], y[::3])  # 35 of at most 40
    assert feature_cka(one, other, most=40) == pytest.approx(few, abs=1e-6)
    assert abs(few - cka_of_kernels(x, y)) > 1e-3


def test_the_cka_of_features_is_taken_at_the_smaller_size() -> None:
    torch.manual_seed(0)
    small = torch.randn(2, 4, 4, 6)
    large = small.repeat_interleave(4, -1).repeat_interleave(4, -2) + 2 * torch.randn(2, 4, 16, 24)
    averaged = torch.nn.functional.interpolate(large, (4, 6), mode="bilinear", antialias=True)
    for sides in ((small, large), (large, small)):
        assert feature_cka(*sides) == pytest.approx(feature_cka(small, averaged), abs=1e-6)
    enlarged = torch.nn.functional.interpolate(small, (16, 24), mode="bilinear")
    assert abs(feature_cka(enlarged, large) - feature_cka(small, large)) > 0.01


def test_the_channel_cosine_is_the_mean_over_pixels() -> None:
    one, other = np.random.default_rng(0).normal(size=(2, 3, 4, 5, 6))
    scales = np.abs(np.random.default_rng(1).normal(size=(3, 1, 5, 6))) + 0.1
    wanted = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    got = channel_cosine(torch.tensor(one), torch.tensor(other * scales))
    assert float(got) == pytest.approx(wanted.mean(), abs=1e-6)


def test_gradient_cosines_are_those_of_autograd() -> None:
    torch.manual_seed(0)
    first, second, head = (torch.nn.Parameter(torch.randn(n)) for n in (4, 3, 2))
    losses = [(first**3).sum() + head.sum(), (first * 2).sum() + (second**2).sum(), (second * head[0]).sum()]
    losses += [losses[0], -2 * losses[1], head.sum(), torch.tensor(0.0)]
    found, _ = loss_gradients(losses, [first, second])
    for row, loss in zip(found[:5], losses, strict=False):
        by_hand = torch.autograd.grad(loss, [first, second], retain_graph=True, allow_unused=True)
        filled = [p.new_zeros(p.shape) if g is None else g for g, p in zip(by_hand, (first, second), strict=True)]
        torch.testing.assert_close(row, torch.cat(filled))
    assert (found[5:] == 0).all()
    assert all(parameter.grad is None for parameter in (first, second, head))
    table = cosines(found)[:5, :5]
    norms = found[:5].norm(dim=1)
    torch.testing.assert_close(table, found[:5] @ found[:5].T / norms[:, None] / norms)
    torch.testing.assert_close(table, table.T)
    assert table.abs().max() <= 1
    assert [float(table[0, 3]), float(table[1, 4])] == pytest.approx([1, -1], abs=1e-6)
    assert float(table[0, 1]) < 0.999
    assert cosines(found)[0, 5].isnan()


class Watched:
    """Compares what training goes on from before and after each probe."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.probes, probe, prepare = 0, FeatureProbe._probe, DenseDataModule.prepare
        self.noted: list[dict[str, Any]] = []

        def drawing(data: DenseDataModule, stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            torch.rand(3)
            return prepare(data, stored)

        def watched(callback: FeatureProbe, trainer: Any, stage: Any) -> dict[str, float]:
            stage.val_metrics.eval()  # a mode that the probe could lose, and that training does not depend on
            before = self._state(stage)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(DenseDataModule, "prepare", drawing)
                found = probe(callback, trainer, stage)
            self._compare(before, self._state(stage))
            self.probes += 1
            return found

        monkeypatch.setattr(FeatureProbe, "_probe", watched)

    def _state(self, stage: Any) -> dict[str, Any]:
        state = {f"state {key}": value.clone() for key, value in stage.state_dict().items()}
        state |= {f"mode {name}": torch.tensor(module.training) for name, module in stage.named_modules()}
        grads = {f"grad {name}": p.grad for name, p in stage.named_parameters()}
        state |= {key: None if grad is None else grad.clone() for key, grad in grads.items()}
        return state | {"random": torch.get_rng_state()}

    def _compare(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        assert before.keys() == after.keys()
        modes = [bool(value) for key, value in before.items() if key.startswith("mode")]
        assert any(modes)
        assert not all(modes)
        for key, value in before.items():
            same = after[key] is None if value is None else torch.equal(value, after[key])
            assert same, f"the probe changes {key}"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ((), {"cosine", "cka", "gradient_cosine", "gradient_norm"}),
        (("distillation=none",), {"gradient_cosine", "gradient_norm"}),
        (("distillation=online", "adaptor=mlp"), {"cosine", "cka", "gradient_cosine", "gradient_norm"}),
    ],
)
def test_a_probed_training_ends_where_it_would_have(
    trained: Workspace, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], told: set[str]
) -> None:
    plain = trained.train(*STUDENT, *more)
    watched = Watched(monkeypatch)
    probed = trained.train(*STUDENT, *more, *ON)
    assert watched.probes == 2
    assert [kinds(values) for values in inside(probed)] == [told, told]
    assert inside(plain) == [{}, {}]
    assert not list(plain.rglob("probe*"))
    one, two = weights(plain), weights(probed)
    assert all(torch.equal(value, two[key]) for key, value in one.items())
    assert [row["train/loss/depth"] for row in rows(plain)] == [row["train/loss/depth"] for row in rows(probed)]
    assert read_json(plain / "run.json")["digest"] == read_json(probed / "run.json")["digest"]


def test_values_come_at_probed_epochs_alone(trained: Workspace) -> None:
    run = trained.train(*STUDENT, "probe.every=2", "probe.images=100", "trainer.max_epochs=5")
    assert [bool(values) for values in inside(run)] == [False, True, False, True, False]
    assert inside(run)[1] != inside(run)[3]


def test_a_distilled_student_is_compared_with_each_teacher_at_each_level(trained: Workspace) -> None:
    values = inside(trained.train(*STUDENT, *ON, "optimiser.lr=0.003"))
    assert all(found.keys() == values[0].keys() for found in values)
    named: dict[str, set[str]] = {}
    for key in values[0]:
        _, kind, name = key.split("/", 2)
        named.setdefault(kind, set()).add(name)
    assert named["gradient_cosine"] == PAIRS
    assert named["gradient_norm"] == TASKS
    assert {name.split("/")[0] for name in named["cosine"]} == TASKS
    assert named["cka"] == named["cosine"]
    limits = {"cosine": (-1, 1), "cka": (0, 1), "gradient_cosine": (-1, 1), "gradient_norm": (1e-6, 1e6)}
    for key, value in ((key, value) for found in values for key, value in found.items()):
        low, high = limits[key.split("/")[1]]
        assert low <= value <= high


def test_what_is_told_is_what_the_network_does(trained: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a probe written out, with weights on losses, which must not be told."""
    wanted: list[dict[str, float]] = []

    def told(callback: FeatureProbe, trainer: Any, stage: Any) -> dict[str, float]:
        found = probe(callback, trainer, stage)
        data = trainer.datamodule
        batch = data.prepare(data.train_set.__getitems__(data.train_indices[:5]))
        stage.eval()
        raw = stage.network(batch["image"])
        rows = []
        for name, task in stage.tasks.items():
            grads = torch.autograd.grad(task.loss(raw[name], batch[name]), list(stage.network.trunk.parameters()),
                                        retain_graph=True, allow_unused=True)  # fmt: skip
            rows.append(torch.cat([g.flatten() for g in grads if g is not None]))
        level, goal = next(iter(stage.alignment.levels["depth"].items()))
        ours = stage.network.features(batch["image"])[level]
        with torch.no_grad():
            theirs = stage.distillation.teachers.networks["depth"].features(batch["image"])[goal]
            adapted = stage.alignment.adaptors["depth"][level](ours)
        stage.train()
        wanted.append({
            "gradient_norm/semantic": float(rows[0].norm()),
            "gradient_cosine/depth-normal": float(torch.cosine_similarity(rows[1], rows[2], dim=0)),
            f"cosine/depth/{level}": float(channel_cosine(adapted, theirs)),
            f"cka/depth/{level}": feature_cka(ours, theirs),
        })  # fmt: skip
        return found

    probe = FeatureProbe._probe
    monkeypatch.setattr(FeatureProbe, "_probe", told)
    run = trained.train(*STUDENT, *ON, "loss_weights=fixed", "loss_weights.weights={semantic:7,depth:3,normal:1}")
    for found, expected in zip(inside(run), wanted, strict=True):
        assert {key: found[f"probe/{key}"] for key in expected} == pytest.approx(expected, abs=1e-4, rel=1e-4)


def test_a_teacher_is_not_probed(trained: Workspace) -> None:
    result = trained.call("train", *TINY, "stage=teacher", "task=depth", *ON, "seed=5")
    assert result.code == 1
    assert "probe.every=1 would change nothing" in result.out


def polylines(drawing: str) -> list[int]:
    """The number of points of each line."""
    root = ElementTree.fromstring(drawing)
    return [len(line.get("points", "").split()) for line in root.iter("{http://www.w3.org/2000/svg}polyline")]


def test_a_resumed_run_keeps_its_earlier_values_and_draws_them(trained: Workspace) -> None:
    run = trained.train(*STUDENT, *ON, "trainer.max_epochs=2")
    earlier = inside(run)
    drawn = polylines((run / "pictures" / "probe.svg").read_text())
    config = OmegaConf.load(run / "config.yaml")
    config.trainer.max_epochs = 3
    OmegaConf.save(config, run / "config.yaml")
    record = run / "run.json"
    record.write_text(record.read_text().replace('"status": "finished"', '"status": "interrupted"'))
    result = trained.call("train", f"resume={run}")
    assert result.code == 0, result.out
    assert inside(run)[:2] == earlier
    assert len(inside(run)) == 3
    after = polylines((run / "pictures" / "probe.svg").read_text())
    assert set(drawn) == {2}
    assert set(after) == {3}
    assert len(after) == len([key for key in earlier[0] if "/gradient_norm/" not in key])


def report(workspace: Workspace, folder: Path, *runs: Path) -> str:
    result = workspace.call("report", f"runs=[{','.join(map(str, runs))}]", f"out={folder}")
    assert result.code == 0, result.out
    return (folder / "comparison.html").read_text()


def test_the_page_shows_gradients_of_the_baseline_against_the_distilled(trained: Workspace, tmp_path: Path) -> None:
    distilled, baseline = trained.train(*STUDENT, *ON), trained.train(*STUDENT, *ON, "distillation=none")
    page = report(trained, tmp_path, distilled, baseline)
    assert ">Inside<" in page
    for pair in PAIRS:
        figure = page.split(f"gradient cosine: {pair}</figcaption>")[1].split("</figure>")[0]
        assert figure.count('class="curve"') == 2
    level = next(key for key in inside(distilled)[0] if "/cka/" in key).removeprefix("probe/cka/").replace("/", ", ")
    assert page.split(f"CKA: {level}</figcaption>")[1].split("</figure>")[0].count('class="curve"') == 1
    assert ">Inside<" not in report(trained, tmp_path, trained.train(*STUDENT))


def test_the_sheet_names_every_line_once() -> None:
    curves = {
        "probe/cosine/<a>/deep": [(1, 0.1), (2, 0.3)],
        "probe/cosine/<a>/fine": [(1, 0.2), (2, 0.2)],
        "probe/cosine/b/deep": [(2, 0.5)],
        "probe/gradient_cosine/a-b": [(1, -0.5), (2, 0.5)],
        "probe/gradient_norm/a": [(1, 5.0), (2, 6.0)],
    }
    drawing = sheet(curves)
    assert polylines(drawing) == [2, 2, 2]
    looks = re.findall(r'stroke="(#\w+)" stroke-width="2.5" stroke-dasharray="([^"]*)"', drawing)
    assert [looks[0][0] == looks[i][0] for i in (1, 2)] == [True, False]  # a colour for a teacher
    assert [looks[0][1] == looks[i][1] for i in (1, 2)] == [False, True]  # a dash for a level
    texts = [text.text for text in ElementTree.fromstring(drawing).iter("{http://www.w3.org/2000/svg}text")]
    for name in ("<a>: deep", "<a>: fine", "b: deep", "a-b", "Cosine with the teacher", "Cosine of task gradients"):
        assert texts.count(name) == 1
    assert "CKA with the teacher" not in texts
    assert sheet({"probe/gradient_norm/a": [(1, 5.0)]}) == ""


def test_a_probe_without_images_is_refused(trained: Workspace) -> None:
    result = trained.call("train", *TINY, *STUDENT, "probe.every=1", "probe.images=0")
    assert result.code == 1
    assert "probe.images=0" in result.out
