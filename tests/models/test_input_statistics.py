"""Every network sees pictures of its own mean and deviation, whatever the others see, from one batch."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from src.data.loading.pixels import normalise
from src.distillation.frozen_teachers import FrozenTeachers
from src.exporting.program import check_program, export_program
from src.foundation.errors import UserError
from src.models.base import MultiTaskNetwork, build_network
from src.models.input_statistics import IMAGENET, InputStatistics
from src.runs.network_file import load_network, save_network
from src.runs.teacher import teacher_from_library

CLIP = InputStatistics((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
HALF = InputStatistics((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
VIT = {"depth": 1, "embed_dim": 16, "num_heads": 2, "img_size": 32}
ENTRIES: dict[str, dict[str, Any]] = {
    "clip": {"network": "timm", "backbone": "vit_base_patch16_clip_224", "options": VIT},
    "lite": {"network": "timm", "backbone": "tf_efficientnet_lite0", "options": {}},
    "resnet": {"network": "timm", "backbone": "resnet10t", "options": {}},
}
EXPECTED = {"clip": CLIP, "lite": HALF, "resnet": IMAGENET}
SMALL = {"_target_": "small", "filters": [4, 6, 8, 8]}
LITE = {"_target_": "smp", "architecture": "fpn", "encoder": "tu-tf_efficientnet_lite0"}
DEPTH = {"depth": {"_target_": "scalar", "modality": {"name": "depth", "kind": "scalar"}}}


def pixels() -> Tensor:
    return torch.randint(256, (2, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def expected(statistics: InputStatistics) -> Tensor:
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (statistics.mean, statistics.std))
    return (pixels().permute(0, 3, 1, 2) / 255 - mean) / std


def watched(network: MultiTaskNetwork) -> list[Tensor]:
    """A list that grows by what the trunk is given."""
    seen: list[Tensor] = []
    network.trunk.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    return seen


def file_of(entry: dict[str, Any], folder: Path) -> str:
    import timm

    torch.save(timm.create_model(entry["backbone"], **entry["options"]).state_dict(), folder / "weights.pth")
    return str(folder / "weights.pth")


def test_teachers_and_student_see_one_picture_each_under_its_own_statistics(tmp_path: Path) -> None:
    networks = {}
    for name, entry in ENTRIES.items():
        teacher = teacher_from_library(
            name, entry | {"weights": file_of(entry, tmp_path)}, lambda _: {"_target_": "timm"}
        )
        networks[name] = teacher.open()
    seen = {name: watched(network) for name, network in networks.items()}
    teachers = FrozenTeachers(networks, {name: ["bottleneck"] for name in networks})
    student = build_network(SMALL, {"depth": 1})
    seen["student"] = watched(student)
    batch = normalise(pixels())
    student.features(batch)
    teachers(batch)
    for name, (image,) in seen.items():
        torch.testing.assert_close(image, expected(EXPECTED.get(name, IMAGENET)), atol=2e-6, rtol=1e-5)
        assert image.is_contiguous(memory_format=torch.channels_last)
    for name in ("resnet", "student"):
        assert seen[name][0] is batch, "nothing is computed where statistics are the batch's"


def test_statistics_come_with_pretrained_weights_alone(tmp_path: Path) -> None:
    random = build_network({**LITE, "weights": None}, {"depth": 1})
    assert random.input_statistics == IMAGENET
    pretrained = {**LITE, "weights": file_of(ENTRIES["lite"], tmp_path)}
    assert build_network(pretrained, {"depth": 1}).input_statistics == HALF


def test_a_weights_file_and_a_program_carry_the_statistics(tmp_path: Path) -> None:
    network = build_network(SMALL, {"depth": 1}).eval()
    before = network(normalise(pixels()))["depth"]
    network.set_input_statistics(HALF)
    image = normalise(pixels())
    with torch.no_grad():
        after = network(image)["depth"]
    assert (after - before).abs().max() > 1e-3
    metadata = {"model": SMALL, "tasks": DEPTH, "dataset": {"size": [32, 32]}}
    save_network(tmp_path / "weights.pt", network, metadata)
    loaded = load_network(tmp_path / "weights.pt")[0].eval()
    assert loaded.input_statistics == HALF
    with torch.no_grad():
        assert torch.equal(loaded(image)["depth"], after)
    check_program(export_program(loaded, (32, 32)), loaded, (32, 32))


def test_a_file_of_an_earlier_version_takes_imagenets_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    path, network = tmp_path / "weights.pt", build_network(SMALL, {"depth": 1})
    save_network(path, network, {"model": SMALL, "tasks": DEPTH, "dataset": {"size": [32, 32]}})
    content = torch.load(path, weights_only=True)
    assert content["metadata"].pop("input") == {"mean": list(IMAGENET.mean), "std": list(IMAGENET.std)}
    torch.save(content, path)
    assert load_network(path)[0].input_statistics == IMAGENET
    for wrong in (
        [0.5],
        {"mean": [0.5] * 3},
        {"mean": [0.5] * 3, "std": [0.5, 0, 0.5]},
        {"mean": "abc", "std": [1.0] * 3},
    ):
        content["metadata"]["input"] = wrong
        torch.save(content, path)
        with pytest.raises(UserError, match="three means and three positive deviations"):
            load_network(path)
