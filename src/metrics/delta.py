"""One number for a multi-task run against single-task references."""

from collections.abc import Mapping

from src.foundation.errors import UserError

Results = Mapping[str, float]
"""Metrics by <task>/<metric>."""


def delta_mtl(run: Results, reference: Results, metrics: Mapping[str, bool]) -> float:
    """Average the relative gain of ``metrics``, each task's primary one, in percent; higher is better.

    Delta_MTL = 100 / T * sum_t (-1)^(lower is better) (run_t - reference_t) / reference_t
    (Maninis et al. 2019; arXiv 2204.02744).

    Args:
        run: the multi-task run.
        reference: the single-task networks.
        metrics: each task's primary metric, as <task>/<metric>, and whether higher is better.

    Raises:
        UserError: a metric is missing, or its reference is 0.
    """
    return _mean([_gain(run, reference, key, higher) for key, higher in metrics.items()])


def delta_m(run: Results, reference: Results, metrics: Mapping[str, bool]) -> float:
    """Average the relative loss of ``metrics``, several for each task, in percent; lower is better.

    Delta_m = 100 / M * sum_m (-1)^(higher is better) (run_m - reference_m) / reference_m, every metric with
    the same weight (Nash-MTL, arXiv 2202.01017; FAMO, arXiv 2306.03792).

    Raises:
        UserError: a metric is missing, or its reference is 0.
    """
    return _mean([-_gain(run, reference, key, higher) for key, higher in metrics.items()])


def _gain(run: Results, reference: Results, key: str, higher_is_better: bool) -> float:
    """Return the signed relative change in percent, positive when the run is better."""
    for results, whose in ((run, "run"), (reference, "reference")):
        if key not in results:
            raise UserError(
                f"the {whose} has no metric {key}",
                "a delta compares the same metrics of a run and of the single-task teachers",
                f"python -m src.train stage=teacher task={key.partition('/')[0]}" if whose == "reference" else "",
            )
    if reference[key] == 0:
        raise UserError(f"the reference's {key} is 0", "a change relative to 0 is not defined")
    sign = 1 if higher_is_better else -1
    return 100 * sign * (run[key] - reference[key]) / reference[key]


def _mean(values: list[float]) -> float:
    if not values:
        raise UserError("there is no task to compare", "a delta is a mean over tasks")
    return sum(values) / len(values)
