"""Street scenes: repeatable, labelled and measured as they were drawn; and the place of ``streets`` in conf."""

from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from src.app.composing import composed_values
from src.data.labels.cityscapes import CITYSCAPES_19, nineteen_to_seven
from src.data.sources.streets import Streets
from src.data.store.reader import PackedStore
from src.foundation.errors import UserError
from src.synthetic.geometry import Kind
from src.synthetic.render import render
from src.synthetic.streets import as_stored, build_street, disparity, draw_street
from src.synthetic.streets_classes import Road
from tests.conftest import Workspace, read_json

SIZE = (64, 128)
SEEDS = range(60)


@pytest.fixture(scope="module")
def streets() -> list[dict[str, np.ndarray]]:
    return [draw_street(seed, SIZE) for seed in SEEDS]


def shares(streets: list[dict[str, np.ndarray]]) -> dict[Road, float]:
    counts = np.bincount(np.concatenate([street["label19"].ravel() for street in streets]) + 1, minlength=20)
    return dict(zip(Road, counts / counts.sum(), strict=True))


def test_the_same_seed_gives_the_same_bytes_in_another_process(streets: list[dict[str, np.ndarray]]) -> None:
    with get_context("spawn").Pool(1) as pool:
        other = pool.apply(draw_street, (7, SIZE))
    assert all(other[name].tobytes() == value.tobytes() for name, value in streets[7].items())
    assert len({street["image"].tobytes() for street in streets}) == len(SEEDS)
    assert len({street["depth"].tobytes() for street in streets}) == len(SEEDS)


def test_shapes_types_and_ranges(streets: list[dict[str, np.ndarray]]) -> None:
    for street in streets:
        kinds = {name: (array.dtype.name, array.shape) for name, array in street.items()}
        assert kinds == {
            "image": ("uint8", (*SIZE, 3)),
            "label19": ("int8", SIZE),
            "depth": ("float32", SIZE),
        }
        assert -1 <= street["label19"].min() <= street["label19"].max() <= 18
        raw = street["depth"][street["depth"] > 0] * 65535
        assert 1 < raw.min() < raw.max() <= 32257
        assert street["depth"].min() == 0
        assert street["image"].std() > 5


def test_classes_are_cityscapes_in_its_order() -> None:
    assert tuple(road.name.lower().replace("_", " ") for road in Road)[1:] == CITYSCAPES_19.names


def test_shares_of_classes_are_about_those_of_cityscapes(streets: list[dict[str, np.ndarray]]) -> None:
    share = shares(streets)
    assert 0.25 < share[Road.ROAD] < 0.45
    assert 0.15 < share[Road.BUILDING] < 0.3
    assert 0.08 < share[Road.VEGETATION] < 0.2
    assert 0.05 < share[Road.CAR] < 0.12
    assert all(0.003 < share[name] < 0.03 for name in (Road.POLE, Road.FENCE, Road.WALL, Road.PERSON))
    rare = (Road.RIDER, Road.TRUCK, Road.BUS, Road.TRAIN, Road.MOTORCYCLE, Road.BICYCLE, Road.TRAFFIC_LIGHT)
    assert all(0.0002 < share[name] < 0.015 for name in rare), share
    assert 0.03 < share[Road.UNLABELLED] < 0.12


def test_the_sky_has_no_disparity_and_nearly_all_else_has_one(streets: list[dict[str, np.ndarray]]) -> None:
    sky = np.concatenate([street["depth"][street["label19"] == Road.SKY] for street in streets])
    rest = np.concatenate([street["depth"][street["label19"] > Road.UNLABELLED] for street in streets])
    assert (sky == 0).all()
    assert 0.75 < (rest > 0).mean() < 0.95
    on_road = np.concatenate([street["depth"][30:55, 20:][street["label19"][30:55, 20:] == 0] for street in streets])
    assert (on_road > 0).mean() > 0.97


@pytest.mark.parametrize("seed", range(4))
def test_disparity_is_that_of_the_metric_depth(seed: int, streets: list[dict[str, np.ndarray]]) -> None:
    depth = render(*build_street(seed), SIZE, grazing=0.0)["depth"]
    raw = streets[seed]["depth"].astype(np.float64) * 65535
    valid = raw > 0
    metres = 0.22 * 2262 / ((raw[valid] - 1) / 256)  # by the official formula
    np.testing.assert_allclose(metres, depth[valid], rtol=1e-3)


def test_disparity_is_missing_where_the_right_camera_does_not_see() -> None:
    depth = np.full((3, 256), 50.0, np.float32)
    near = np.s_[:, 100:140]
    depth[near] = 10.0
    depth[0, 200] = 0.0  # nothing measured
    depth[1, 200] = 3.0  # nearer than is searched
    found = disparity(depth)
    pixels = {metres: 0.22 * 2262 / metres for metres in (10.0, 50.0)}
    assert np.allclose(found[near], pixels[10.0], rtol=1e-5)
    gap = (pixels[10.0] - pixels[50.0]) * 256 / 2048  # columns beside the near thing's left edge
    hidden = found[2, :100] == 0
    assert abs(hidden[20:].sum() - gap) <= 1
    assert hidden[100 - int(gap) :].all()
    assert abs(hidden[:20].sum() - pixels[50.0] * 256 / 2048) <= 1  # left of the right picture's edge
    assert (found[2, 140:] > 0).all()
    assert found[:, 200].tolist()[:2] == [0, 0]


def test_the_store_unit_is_the_raw_value() -> None:
    assert as_stored(np.array([0.0, 126.0, 1.0])) * 65535 == pytest.approx([0, 32257, 257], rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_a_larger_size_is_the_same_scene(seed: int, streets: list[dict[str, np.ndarray]]) -> None:
    small, large = streets[seed], draw_street(seed, (192, 384))
    label = large["label19"][1::3, 1::3]
    named = (small["label19"] >= 0) & (label >= 0)
    assert (small["label19"] == label)[named].mean() > 0.995
    both = (small["depth"] > 0) & (large["depth"][1::3, 1::3] > 0)
    near = np.abs(large["depth"][1::3, 1::3] / np.where(both, small["depth"], 1) - 1) < 1e-3
    assert both.mean() > 0.6
    assert near[both].mean() > 0.99


def test_a_tall_or_odd_size_works() -> None:
    for size in ((33, 47), (64, 32), (1, 1)):
        assert draw_street(3, size)["label19"].shape == size


@pytest.mark.parametrize("seed", range(25))
def test_the_camera_is_outside_all_things_and_nothing_hangs_below_the_road(seed: int) -> None:
    scene, camera = build_street(seed)
    assert {shape.label for shape in scene.shapes if shape.kind == Kind.PLANE} == {Road.ROAD, Road.SKY}
    for shape in scene.shapes:
        if shape.kind != Kind.PLANE:
            turn = np.array(shape.turn).reshape(3, 3)
            local = (camera.position - shape.centre) @ turn
            assert (np.abs(local) > np.array(shape.half) + 0.1).any()
            assert shape.centre[2] + (np.abs(turn) @ shape.half)[2] > 0


def test_scenes_of_splits_and_seeds_are_apart() -> None:
    sources = [Streets(5, 4, 0), Streets(5, 4, 1)]
    frames = [frame for source in sources for split in ("train", "test") for frame in source.frames(split)]
    assert len(set(frames)) == len(frames) == 18
    with pytest.raises(UserError, match="cannot draw 0"):
        Streets(0, 4, 0)


@pytest.mark.parametrize("dataset", ["streets", "cityscapes"])
def test_a_dataset_without_normals_chooses_its_tasks_unless_others_are_asked_for(dataset: str) -> None:
    def tasks(*overrides: str) -> list[str]:
        return list(composed_values("train", overrides)["tasks"])

    two, three = ["semantic", "depth"], ["semantic", "depth", "normal"]
    assert tasks("stage=student", f"dataset={dataset}") == two
    assert tasks("stage=student", f"dataset={dataset}", "tasks=[semantic,depth,normal]") == three
    assert tasks("stage=teacher", "task=depth", f"dataset={dataset}") == two
    assert tasks("stage=student", "dataset=rooms") == three
    assert composed_values("prepare", [f"dataset={dataset}"])["dataset"]["name"] == dataset


def test_preparing_streets_stores_what_was_drawn(workspace: Workspace) -> None:
    small = ("dataset.source.train=12", "dataset.source.test=6", "dataset.size=[32,64]")
    result = workspace.call("prepare", "dataset=streets", *small)
    assert result.code == 0, result.out
    store = PackedStore.open(workspace.root / "data" / "streets-32x64")
    assert store.manifest.modalities["depth"].unit == "disparity / 65535 (raw uint16)"
    assert store.modalities("train") == ["depth", "image", "label19", "label7"]
    drawn = draw_street(0, (32, 64))
    assert np.array_equal(store.array("train", "depth")[0], drawn["depth"].astype(np.float16))
    assert all(np.array_equal(store.array("train", name)[0], drawn[name]) for name in ("image", "label19"))
    assert np.array_equal(store.array("train", "label7")[0], nineteen_to_seven(drawn["label19"]))


@pytest.mark.parametrize("classes", [7, 19])
def test_training_on_streets_needs_nothing_else(workspace: Workspace, classes: int) -> None:
    chosen = ("dataset=streets", f"dataset.classes={classes}", "dataset.size=[32,64]")
    for task in ("semantic", "depth"):
        workspace.train(*chosen, "stage=teacher", f"task={task}")
    run = workspace.train(*chosen, "stage=student")
    metrics = read_json(Path(run) / "metrics.json")["metrics"]
    assert {name.split("/")[0] for name in metrics if "/" in name} >= {"semantic", "depth"}
    assert not any(name.startswith("normal") for name in metrics)
