"""Every experiment and every yaml composes to a valid configuration; every experiment trains, teacher and student."""

import pytest
from omegaconf import OmegaConf

from src.app.command import read_checked
from src.app.composing import composed_values
from src.app.configuration.train import TrainConfig
from src.distillation.levels import read_levels
from src.runs import directory  # noqa: F401  (registers the resolver that the configs use)
from tests.conftest import REPOSITORY, Workspace, read_json
from tests.data.nyuv2.data import write_pictures

CONF = REPOSITORY / "conf"
EXPERIMENTS = sorted(file.stem for file in (CONF / "experiment").glob("*.yaml"))
OPTIONS = sorted(
    f"{'logger' if file.parent.name == 'tracker' else file.parent.name}={file.stem}"
    for file in CONF.glob("*/*.yaml")
    if file.parent.name not in ("stage", "experiment", "task", "debug", "preset") and file.stem != "folder"
)
"""All but dataset=folder, whose size only its store knows."""
TINY = ("dataset.size=[32,64]", "dataset.batch_size=2", "dataset.workers=0", "model.filters=[4,4,4,4,4]")
SHORT = ("debug=batch", "trainer=cpu", "trainer.precision=32-true", "optimiser.lr=0.0001")


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_composes(option: str) -> None:
    folder, name = option.split("=")
    group = {"tracker": "logger", "transform": "augmentation"}.get(folder, folder)
    config = read_checked(TrainConfig, composed_values("train", ["stage=student", f"{group}={name}"]), [], None)
    assert getattr(config, group) is not None, name


@pytest.fixture
def nyuv2(workspace: Workspace) -> Workspace:
    """A workspace with a tiny NYUv2, prepared from pictures."""
    source = write_pictures(workspace.root / "pictures", [1, 2, 3, 4], [5, 6], ("image", "depth", "label13", "normal"))
    result = workspace.call("prepare", "dataset=nyuv2", f"source={source}", "dataset.size=[32,64]")
    assert result.code == 0, result.out
    return workspace


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_trains_teachers_and_student(nyuv2: Workspace, experiment: str) -> None:
    common = (f"experiment={experiment}", *TINY, *SHORT)
    result = nyuv2.call("train", "-m", "stage=teacher", "task=semantic,depth,normal", *common)
    assert result.code == 0, result.out
    result = nyuv2.call("train", "stage=student", *common)
    assert result.code == 0, result.out
    student = next(r for r in map(lambda run: read_json(run / "run.json"), nyuv2.runs()) if r["stage"] == "student")
    assert student["names"]["experiment"] == experiment


def test_presets_are_the_recipes_of_the_papers() -> None:
    """Value by value, as the released code and arXiv 2204.02744 have them."""
    kd4mtl, universal = (
        OmegaConf.create(composed_values("train", ["stage=student", f"experiment={name}_nyuv2"]))
        for name in ("kd4mtl", "universal")
    )
    for config in (kd4mtl, universal):
        assert config.model._target_ == "segnet"
        assert config.model.filters == [64, 128, 256, 512, 512]
        assert config.optimiser == {
            "_target_": "adam", "lr": 1e-4, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0, "fused": True,
        }  # fmt: skip
        assert config.schedule == {"_target_": "step", "every": 100, "gamma": 0.5}
        assert (config.trainer.max_epochs, config.dataset.batch_size) == (200, 2)
        assert config.dataset.size == [288, 384]
        assert config.distillation.weights == {"semantic": 1, "depth": 1, "normal": 2}
        assert config.distillation.teacher_batchnorm == "batch"
        assert config.distillation.adaptor_optimiser.weight_decay == 5e-4
        assert config.adaptor._target_ == "linear"
        assert config.distance._target_ == "normalised"
    assert read_levels(kd4mtl.distillation.levels) == {"bottleneck": "bottleneck", "decoder": "decoder"}
    assert read_levels(universal.distillation.levels) == {"bottleneck": "decoder", "decoder": "decoder"}
    assert kd4mtl.distillation.adaptor_optimiser.lr == 0.1
    assert universal.distillation.adaptor_optimiser.lr == 0.01
    assert kd4mtl.distillation.adaptor_schedule._target_ == "constant"
    assert universal.distillation.adaptor_schedule._target_ == "cosine"
    assert kd4mtl.augmentation == {}
    assert universal.augmentation.scale_flip.scales == [1.0, 1.2, 1.5]
    assert universal.augmentation.scale_flip.flip == 0.5
