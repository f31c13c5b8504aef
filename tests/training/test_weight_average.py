"""ema.decay: what is averaged, evaluated, kept and restored."""

from pathlib import Path

import pytest
import torch

from src.training.callbacks.weight_average import WeightAverage
from tests.app.test_resuming import BEST, resume, stop, weights
from tests.conftest import TINY, Workspace, read_json

TEACHER = ("stage=teacher", "task=depth", "pictures.count=1", "schedule=constant", "ema.decay=0.9")
Weights = dict[str, torch.Tensor]


def checkpoint(run: Path, name: str = "last") -> tuple[Weights, Weights]:
    """Return the network's weights in a checkpoint: those where weights are looked for, and those that were trained."""
    content = torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)
    kept = {k.removeprefix("network."): v for k, v in content["state_dict"].items() if k.startswith("network.")}
    return kept, content["trained_network"]


def same(some: Weights, others: Weights) -> bool:
    return some.keys() == others.keys() and all(torch.equal(value, others[name]) for name, value in some.items())


class Recorded:
    """The weights after each step of the optimiser."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.states: list[Weights] = []
        update = WeightAverage.on_train_batch_end

        def watched(average: WeightAverage, trainer: object, module: torch.nn.Module, *arguments: object) -> None:
            if not self.states:
                self.states.append({name: value.clone() for name, value in average.other.items()})
            self.states.append({name: value.clone() for name, value in module.network.state_dict().items()})
            update(average, trainer, module, *arguments)

        monkeypatch.setattr(WeightAverage, "on_train_batch_end", watched)

    def average(self, decay: float) -> Weights:
        result = dict(self.states[0])
        for step, state in enumerate(self.states[1:], start=1):
            keep = min(decay, (1 + step) / (10 + step))
            for name, value in state.items():
                result[name] = keep * result[name] + (1 - keep) * value if value.is_floating_point() else value
        return result


def test_the_average_is_what_is_kept_and_evaluated(trained: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded(monkeypatch)
    run = trained.train(*TEACHER, "trainer.max_epochs=2")
    assert len(recorded.states) == 1 + 6
    expected, found = recorded.average(0.9), weights(run)
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name])
    kept, last = checkpoint(run)
    assert same(kept, found)
    assert same(last, recorded.states[-1])
    assert not same(last, found)
    record = read_json(run / "run.json")
    assert record["changed"]["ema.decay"] == 0.9
    test = read_json(run / "metrics.json")["metrics"]
    history = (run / "metrics.csv").read_text().splitlines()
    last_row = dict(zip(history[0].split(","), history[-1].split(","), strict=True))
    for key, value in test.items():  # validated on the test split: the same weights, the same values
        assert float(last_row[f"val/{key}"]) == pytest.approx(value)


@pytest.mark.parametrize("options", [(), BEST, ("trainer.accumulate_grad_batches=2",)], ids=["last", "best", "some"])
def test_a_resumed_run_goes_on_with_both(trained: Workspace, options: tuple[str, ...]) -> None:
    whole = trained.train(*TEACHER, *options, "trainer.max_epochs=3")
    stopped = trained.train(*TEACHER, *options, "trainer.max_epochs=2")
    stop(stopped, 3)
    resume(trained, stopped)
    assert same(weights(stopped), weights(whole))
    assert all(same(*pair) for pair in zip(checkpoint(stopped), checkpoint(whole), strict=True))
    if options == BEST:
        assert same(weights(whole), checkpoint(whole, "best")[0])
    assert read_json(stopped / "metrics.json") == read_json(whole / "metrics.json")


def test_an_interrupted_run_leaves_the_average(trained: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded(monkeypatch)
    update = WeightAverage.on_train_batch_end

    def interrupted(average: WeightAverage, trainer: object, module: object, *arguments: object) -> None:
        update(average, trainer, module, *arguments)
        if len(recorded.states) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(WeightAverage, "on_train_batch_end", interrupted)
    before = set(trained.runs())
    with pytest.raises(AssertionError, match="interrupted"):
        trained.train(*TEACHER)
    (run,) = set(trained.runs()) - before
    expected = recorded.average(0.9)
    for name, value in weights(run).items():
        torch.testing.assert_close(value, expected[name])


def test_without_it_nothing_is_averaged_and_it_counts_for_a_runs_identity(trained: Workspace) -> None:
    plain = (*TEACHER[:-1], "ema.decay=0", "seed=5")
    run = trained.train(*plain)
    content = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert "trained_network" not in content
    assert "already trained" in trained.call("train", *TINY, *plain, "reuse=true").out
    averaged = trained.train(*plain[:-2], "ema.decay=0.5", "seed=5", "reuse=true")
    assert read_json(averaged / "run.json")["digest"] != read_json(run / "run.json")["digest"]
