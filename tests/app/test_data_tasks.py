"""``auto`` stands for the tasks of a dataset's maps, and each map is an option of ``task``."""

import pytest

from src.app.composing import composed_values
from src.app.data_tasks import data_tasks, with_data_tasks
from src.foundation.errors import UserError
from src.modalities.base import Modality
from src.modalities.known import EDGES, IMAGE, depth

STREETS = ("dataset=streets", "paths.data=nowhere")


def test_auto_is_a_teacher_for_each_map_of_a_sweep() -> None:
    typed = ["-m", "stage=teacher", "task=auto", *STREETS, "seed=3"]
    assert with_data_tasks(typed) == ["-m", "stage=teacher", "task=semantic,label19,depth", *STREETS, "seed=3"]


@pytest.mark.parametrize("written", ["auto", "[auto]", "[depth,auto]"])
def test_auto_is_the_tasks_of_a_student(written: str) -> None:
    (tasks,) = [argument for argument in with_data_tasks([f"tasks={written}", *STREETS]) if "tasks" in argument]
    assert set(tasks.removeprefix("tasks=[").removesuffix("]").split(",")) == {"semantic", "label19", "depth"}


def test_each_map_becomes_an_option_with_what_its_kind_takes() -> None:
    assert with_data_tasks(["task=label19", *STREETS]) == ["task=label19", *STREETS]
    alone = composed_values("train", ["stage=teacher", "task=label19", *STREETS, "+task.label_smoothing=0.1"])
    assert alone["task"] | {"label_smoothing": 0} == {
        "_target_": "classes", "name": "label19", "modality": "label19", "label_smoothing": 0,
    }  # fmt: skip
    both = composed_values("train", ["tasks=[label19,depth]", *STREETS])["tasks"]
    assert list(both) == ["label19", "depth"]
    assert both["depth"]["metrics"][0] == "absolute_error"  # of its yaml


def test_maps_of_any_name_have_tasks_of_their_kind() -> None:
    height = Modality(name="height", kind="scalar")
    roofs = Modality(name="roofs", kind="classes", names=("flat", "pitched"))
    found = data_tasks({modality.name: modality for modality in (IMAGE, height, EDGES, roofs, depth())}, "roofs")
    assert {name: (config["_target_"], config["modality"]) for name, config in found.items()} == {
        "semantic": ("classes", "roofs"),
        "height": ("scalar", "height"),
        "edges": ("binary", "edges"),
        "depth": ("scalar", "depth"),
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["stage=teacher", "task=auto", *STREETS], "task=auto stands for 3 teachers: semantic, label19, depth"),
        (["-m", "task=auto", "dataset=rooms,streets"], "auto needs one dataset"),
        (["-m", "task=auto", "dataset=nyuv2", "paths.data=nowhere"], "there is no packed store nowhere/nyuv2-288x384"),
        (["tasks=auto", "dataset=unheard"], "auto needs one dataset"),
    ],
)
def test_auto_without_a_dataset_is_told(arguments: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        with_data_tasks(arguments)


def test_what_has_a_yaml_is_left_as_it_is() -> None:
    for arguments in (["-m", "task=depth,normal"], ["tasks=[semantic,depth]", "seed=1"], ["stage=student"]):
        assert with_data_tasks(arguments) == arguments
