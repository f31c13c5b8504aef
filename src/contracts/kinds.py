"""Every kind of part that has a contract, under the name of its group in conf."""

from typing import Any

from src.contracts import model_training, task_maps  # noqa: F401  (they state more properties)
from src.contracts.adaptor import ADAPTOR
from src.contracts.base import Contract
from src.contracts.dataset import DATASET
from src.contracts.distance import DISTANCE
from src.contracts.distillation import DISTILLATION
from src.contracts.loss_weights import LOSS_WEIGHTING
from src.contracts.model import MODEL
from src.contracts.task import TASK
from src.contracts.transform import TRANSFORM

CONTRACTS: dict[str, Contract[Any]] = {
    "task": TASK,
    "model": MODEL,
    "adaptor": ADAPTOR,
    "distance": DISTANCE,
    "loss_weights": LOSS_WEIGHTING,
    "transform": TRANSFORM,
    "distillation": DISTILLATION,
    "dataset": DATASET,
}
