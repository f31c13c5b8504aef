"""What changes the identity of a run, and what does not."""

import json
from collections.abc import Sequence

import pytest

from src.app.composing import composed_values
from src.app.overrides import put_back
from src.runs.canonical import Configuration, canonical
from src.runs.identity import decisive, run_digest

DATA = {"content": "c0ffee", "train_images": 100}


def configuration(*overrides: str, precision: str = "32-true", processes: int = 1) -> Configuration:
    values = put_back(composed_values("train", [f"++{o}" if "." in o else o for o in overrides]))
    return decisive(values, values["tasks"], DATA, precision, processes)


def same(overrides: Sequence[str], base: Sequence[str] = ()) -> bool:
    return run_digest(configuration(*base), {}) == run_digest(configuration(*base, *overrides), {})


@pytest.mark.parametrize(
    "overrides",
    [
        ["paths.runs=elsewhere"], ["paths.data=elsewhere"], ["label=mine"], ["pictures.count=0"], ["probe.every=1"],
        ["reuse=true"], ["trainer.enable_model_summary=true"], ["trainer.log_every_n_steps=1"],
        ["trainer.profiler=simple"],
        ["dataset.workers=2"], ["dataset.resident=true"], ["dataset.root=elsewhere"], ["compile=true"],
        ["channels_last=false"], ["teacher_cache=1"], ["trainer.accelerator=cpu"],
        ["trainer.check_val_every_n_epoch=1"],
        ["trainer.max_time=00:01:00:00"], ["dataset.validation=none"], ["teacher.depth=SOME_PATH"],
        ["dataset.holdout=0.3"], ["trainer.gradient_clip_algorithm=value"],
        ["distillation.temperature=4"], ["distillation.temperature=4.0"], ["distillation.weights.depth=1"],
        ["adaptor=linear"], ["optimiser=adam"], ["augmentation=[flip]"], ["distillation.levels=[bottleneck,decoder]"],
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_change_training_is_no_part_of_a_runs_identity(overrides: list[str]) -> None:
    assert same(overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        ["seed=1"], ["trainer.max_epochs=3"], ["optimiser.lr=0.1"], ["optimiser=adamw"], ["schedule=step"],
        ["augmentation=none"], ["augmentation=[flip,colour]"], ["augmentation.flip.flip=0.4"],
        ["dataset.batch_size=3"], ["trainer.accumulate_grad_batches=2"],
        ["trainer.gradient_clip_val=1.0"], ["protocol=mean10"], ["labels=one"], ["tasks=[semantic,depth]"],
        ["model=small_wide"], ["model.filters=[4,6,8,8]"], ["distillation=none"], ["distillation.temperature=3"],
        ["distillation.weights.depth=2"], ["adaptor=mlp"], ["distance=l2"], ["loss_weights=dwa"],
        ["dataset.validation=holdout"], ["dataset.size=[32,48]"],
        ["experiment=kd4mtl_nyuv2", "distillation=none"],
    ],
    ids=str,
)  # fmt: skip
def test_what_changes_training_is_part_of_a_runs_identity(overrides: list[str]) -> None:
    assert not same(overrides)


def test_precision_and_processes_count_as_they_turn_out() -> None:
    found = {run_digest(configuration(precision=p, processes=n), {}) for p in ("32-true", "bf16-mixed") for n in (1, 2)}
    assert len(found) == 4


def test_a_held_out_share_counts_where_something_is_held_out() -> None:
    held_out = ["dataset.validation=holdout", "protocol=best"]
    assert not same(["dataset.holdout=0.3"], held_out)
    assert not same(["trainer.check_val_every_n_epoch=1"], held_out)


def test_limits_count_for_the_run_but_not_for_its_configuration() -> None:
    whole = configuration()
    for limit in ({"max_steps": 3}, {"fast_dev_run": True}, {"limit_test_batches": 1}):
        assert run_digest(whole, {}, limit) != run_digest(whole, {}, {"max_steps": -1, "fast_dev_run": False})
    assert configuration("trainer.max_steps=3") == whole
    assert run_digest(whole, {}, {"max_time": "00:01:00:00"}) == run_digest(whole, {})


def test_teachers_count_by_their_own_digests() -> None:
    own = configuration()
    assert len({run_digest(own, teachers) for teachers in ({}, {"depth": "a"}, {"depth": "b"}, {"normal": "a"})}) == 4


def test_two_experiments_without_distillation_are_two_methods() -> None:
    pair = [configuration(f"experiment={name}", "distillation=none") for name in ("kd4mtl_nyuv2", "fast_nyuv2")]
    assert run_digest(pair[0], {}) != run_digest(pair[1], {})


def test_groups_that_a_run_does_not_use_are_no_part_of_it() -> None:
    assert same(["adaptor=mlp"], ["distillation=none"])
    teacher = ["stage=teacher", "task=depth"]
    assert same(["loss_weights=dwa"], teacher)
    assert same(["distillation=none"], teacher)


def test_the_order_of_transforms_is_part_of_a_runs_identity() -> None:
    assert not same(["augmentation=[blur,noise]"], ["augmentation=[noise,blur]"])
    one = configuration("augmentation=[noise,blur]")
    assert run_digest(json.loads(json.dumps(one, sort_keys=True)), {}) == run_digest(one, {})
    assert canonical(one) == one


@pytest.mark.parametrize(
    ("former", "overrides"),
    [
        ({"_target_": "scale_flip", "flip": 0.5}, ["augmentation=flip"]),
        ({"_target_": "scale_flip"}, ["augmentation=none"]),
        ({"_target_": "scale_flip"}, ["augmentation=[]"]),
        ({"_target_": "scale_flip", "scales": [1, 1.2, 1.5], "flip": 0.5}, ["augmentation=[scale_flip]"]),
    ],
    ids=str,
)
def test_a_run_of_the_time_of_a_single_augmentation_is_the_same_run(
    former: Configuration, overrides: list[str]
) -> None:
    now = configuration(*overrides)
    values = put_back(composed_values("train", overrides)) | {"augmentation": former}
    then = decisive(values, values["tasks"], DATA, "32-true")
    assert run_digest(then, {}) == run_digest(now, {})
    assert canonical(then) == then == now
    filled = {"scales": [1], "flip": 0} | former
    assert run_digest({**now, "augmentation": filled}, {}) == run_digest(now, {})  # as such runs recorded it
