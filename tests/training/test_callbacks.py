"""What a run shows: panels, the history, the progress bar's losses."""

import csv

import numpy as np
import torch
from PIL import Image

from src.tasks.panels import draw_panel
from src.training.callbacks.progress import losses_by_kind
from src.visual.panels import CAPTION, MARGIN
from tests.conftest import Workspace
from tests.tasks.usual import Depth, Normal, Semantic

GREY = np.full((32, 48, 3), 128, np.uint8)
TASKS = {"semantic": Semantic(13), "depth": Depth(), "normal": Normal()}


def perfect() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Targets at 32x48 and predictions that equal them."""
    semantic = torch.randint(0, 13, (32, 48))
    depth = torch.rand(1, 32, 48) * 4 + 1
    normal = torch.nn.functional.normalize(torch.randn(3, 32, 48), dim=0)
    targets = {"semantic": semantic, "depth": depth, "normal": normal}
    logits = torch.nn.functional.one_hot(semantic, 13).permute(2, 0, 1).float()
    return {"semantic": logits, "depth": depth, "normal": normal}, targets


def cell(panel: Image.Image, row: int, column: int) -> np.ndarray:
    """Cut the middle out of a cell of a panel of 4 columns, away from captions and margins."""
    width = (panel.width - MARGIN) // 4
    height = (width - MARGIN) * 2 // 3 + CAPTION + MARGIN
    pixels = np.asarray(panel).astype(int)
    top, left = MARGIN + row * height + 40, MARGIN + column * width + 20
    return pixels[top : top + height - 70, left : left + width - 50]


def test_a_panel_shows_no_error_where_prediction_is_truth_and_much_where_it_is_not() -> None:
    predictions, targets = perfect()
    right = draw_panel(GREY, predictions, targets, TASKS)
    wrong = {
        "semantic": predictions["semantic"].roll(1, 0),
        "depth": predictions["depth"] + 2,
        "normal": -targets["normal"],
    }
    bad = draw_panel(GREY, wrong, targets, TASKS)
    for row in range(3):
        assert (cell(right, row, 1) == cell(right, row, 2)).all()  # truth and prediction
        assert cell(right, row, 3).max() <= 8  # error
        assert cell(bad, row, 3).min() >= 200


def test_a_panel_without_truth_shows_input_and_prediction() -> None:
    predictions, targets = perfect()
    full = draw_panel(GREY, predictions, targets, TASKS)
    assert draw_panel(GREY, predictions, {}, TASKS).width < 0.6 * full.width


def test_panels_come_every_few_epochs_and_at_the_end(trained: Workspace) -> None:
    options = ("trainer.max_epochs=3", "pictures.every=2", "pictures.count=2", "distillation=none")
    run = trained.train("stage=student", *options)
    drawn = sorted(str(path.relative_to(run / "pictures")) for path in run.rglob("*.png"))
    assert drawn == [f"epoch_00{epoch}/image_{image}.png" for epoch in (2, 3) for image in (0, 5)]


def test_history_has_a_row_per_epoch_and_validation_only_where_it_was(trained: Workspace) -> None:
    options = ("trainer.max_epochs=3", "trainer.check_val_every_n_epoch=2", "distillation=none", "pictures.count=0")
    run = trained.train("stage=student", *options)
    with (run / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert [bool(row["val/semantic/miou"]) for row in rows] == [False, True, False]
    assert float(rows[0]["lr/network"]) > float(rows[1]["lr/network"]) > float(rows[2]["lr/network"])
    assert all(float(row["images_per_second"]) > 0 for row in rows)


def test_the_bar_tells_the_last_steps_losses_by_task() -> None:
    metrics = {
        "train/loss/depth_step": torch.tensor(1.25),
        "train/loss/depth_epoch": 9.0,
        "train/align/depth_step": 0.5,
        "v_num": 3,
    }
    assert losses_by_kind(metrics) == {"loss": "depth 1.250", "align": "depth 0.500"}
