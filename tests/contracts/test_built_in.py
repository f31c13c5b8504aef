"""Every option of every group keeps the contract of its kind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from src.app.conf import option, options
from src.contracts.kinds import CONTRACTS
from src.contracts.parts import find_parts
from src.foundation.errors import UserError
from src.modalities.known import depth_in
from tests.contracts.findings import failures, quick
from tests.data.cityscapes import data as cityscapes
from tests.data.nyud import data as nyud
from tests.data.nyuv2.data import write_mat, write_mtan, write_pictures
from tests.data.pascal_context import data as pascal_context

NARROW = {"filters": [4, 6, 8, 8, 8]}
LIGHT = {"encoder": "tu-lcnet_050"}
TINY_SWIN = {
    "backbone": "swin_tiny_patch4_window7_224",
    "options": {"embed_dim": 12, "depths": [1, 2, 1, 1], "num_heads": [1, 1, 2, 2]},
}
THIN = {"channels": 16}
SMALLER: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("segnet", "segnet_deep", "segnet_wide", "segnet_quarter", "mtan", "mtan_quarter"), NARROW),
    **dict.fromkeys(("deeplab_resnet50", "unet_resnet50"), LIGHT),
    "vit_dpt": {"backbone": "test_vit", "decoder": {"_target_": "dpt", "reassembled": [8, 8, 8, 8], **THIN}},
    "vit_linear": {"backbone": "test_vit", "decoder": {"_target_": "linear", **THIN}},
    "convnext_upernet": {"backbone": "test_convnext", "decoder": {"_target_": "upernet", **THIN}},
    "swin_upernet": {**TINY_SWIN, "decoder": {"_target_": "upernet", **THIN}},
    "lite0_conv": {"backbone": "test_efficientnet", "decoder": {"_target_": "conv", **THIN}},
}
"""Options with which large networks are looked at in a moment."""
SMP = {"until_is_the_last_level": "smp's encoders run all their stages, whatever the last level is"}
BROKEN: dict[str, dict[str, str]] = {
    **dict.fromkeys(("model=smp", "model=deeplab_resnet50", "model=unet_resnet50", "model=mit_b0_segformer"), SMP),
    "distillation=online": {
        "nothing_is_learned_without_autograd": "running statistics of the single-task networks move without autograd",
    },
}
"""Properties that are known not to hold, and why; what mends one has to take it out."""
GIVEN = ("nyuv2", "cityscapes", "nyud", "pascal_context", "folder")
"""Datasets that are not drawn."""
OPTIONS = [f"{group}={name}" for group in CONTRACTS for name in options(group) if name not in GIVEN]


COMPOSED = ("task", "distillation", "dataset")
"""Groups whose yamls do not stand alone; to compose those of the others would take longer than to look at them."""


def config_of(group: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    if group in COMPOSED:
        return find_parts({group: name}, given)[0].config
    return (option(group, name) or {}) | given


def require_contract(group: str, name: str, given: dict[str, Any]) -> None:
    found = failures(quick(group, config_of(group, name, given)))
    if "balancing" in found.get("builds", ""):
        pytest.skip("needs the extra `balancing`")
    known = BROKEN.get(f"{group}={name}", {})
    assert set(found) == set(known), found
    if known:
        pytest.xfail("; ".join(known.values()))


@pytest.mark.parametrize("named", OPTIONS)
def test_an_option_keeps_its_contract(named: str) -> None:
    group, name = named.split("=")
    require_contract(group, name, SMALLER.get(name, {}))


def official(root: Path) -> Path:
    for package in cityscapes.ENDINGS:
        cityscapes.write_folder(root, package)
    return root


def mtan(root: Path) -> Path:
    cityscapes.write_mtan(root)
    return root


def mat(root: Path) -> Path:
    root.mkdir()
    return write_mat(root, [1, 2, 3], [4, 5])


def folder(root: Path) -> Path:
    return write_pictures(root, [1, 2], [3, 4], ("image", "depth", "label13", "normal"))


@pytest.mark.parametrize(
    ("name", "write", "given"),
    [
        ("nyuv2", mat, {}),
        ("nyuv2", lambda root: write_mtan(root, [1, 2], [3, 4]), {}),
        ("nyuv2", folder, {"depth_scale": 1000.0}),
        ("cityscapes", official, {"subset": True}),
        ("cityscapes", mtan, {"subset": True}),
        ("nyud", nyud.write, {}),
        ("pascal_context", pascal_context.write, {}),
    ],
    ids=["nyuv2 mat", "nyuv2 mtan", "nyuv2 pictures", "cityscapes official", "cityscapes mtan", "nyud", "pascal"],
)
def test_a_dataset_that_is_given_keeps_its_contract(
    tmp_path: Path, name: str, write: Callable[[Path], Path], given: dict[str, Any]
) -> None:
    require_contract("dataset", name, {"path": str(write(tmp_path / "source")), **given})


@pytest.mark.parametrize("unit", ["cm", "disparity"])
def test_depth_in_other_units_keeps_its_contract(unit: str) -> None:
    require_contract("task", "depth", {"modality": depth_in(unit).plain()})


def test_options_with_which_built_in_parts_behave_otherwise_keep_the_contract() -> None:
    for given in ({"standardise": "phi_s", "inverted": True}, {"adaptive_weights": 0.5, "output_weight": 1.0}):
        require_contract("distillation", "matched", given)
    require_contract("loss_weights", "fixed", {"weights": {"depth": 3.0}})


def test_networks_are_exported() -> None:
    findings = CONTRACTS["model"].findings(config_of("model", "small", {}))
    assert {f.name: f.verdict for f in findings}["exports"] == "ok"


def test_what_is_asked_for_of_several_parts_is_refused() -> None:
    with pytest.raises(UserError, match="options belong to a single part"):
        find_parts({"adaptor": "linear", "distance": "l1"}, {"rank": 4})
