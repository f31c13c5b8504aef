"""The configurations of all commands but training."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from src.app.configuration.kinds import Count, DeltaMetrics, ImageSize, NotNegative, Section
from src.app.configuration.train import DatasetToPrepare
from src.data.survey.finding import Check

Run = Annotated[str | None, Field(description="a run directory, or a weights.pt")]
NamedPart = Annotated[str | None, Field(description="what is checked: an option of the group, or a registered name")]
Extensions = Annotated[list[str], Field(description="modules of your own that register parts")]


@dataclass(frozen=True, kw_only=True)
class PrepareConfig(Section):
    """Packing a dataset."""

    dataset: DatasetToPrepare
    tasks: Annotated[dict[str, Any] | None, Field(description="not used; set by datasets that choose their tasks")] = (
        None
    )
    source: Annotated[
        str | None, Field(description="file or folder that holds the data, where they are not procedural")
    ]
    workers: Annotated[NotNegative | None, Field(description="processes that read; null is one per core")]
    overwrite: Annotated[bool, Field(description="prepare again what is already prepared")]
    accept: Annotated[list[Check], Field(description="checks of values whose findings are told but not refused")]
    paths: Annotated[dict[str, str], Field(description="data: where packed stores are")]
    extensions: Extensions


@dataclass(frozen=True, kw_only=True)
class PredictConfig(Section):
    """Predicting on pictures."""

    run: Run
    images: Annotated[str | None, Field(description="a picture, or a folder of pictures")]
    out: Annotated[str, Field(description="folder that is written to")]
    arrays: Annotated[bool, Field(description="also write each prediction as .npy")]
    extensions: Extensions


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Section):
    """Evaluating a network."""

    run: Run
    store: Annotated[str | None, Field(description="the packed store to evaluate on")]
    split: Annotated[Literal["train", "val", "test"], Field(description="split of the store")]
    batch_size: Annotated[Count, Field(description="images per step")]
    out: Annotated[str | None, Field(description="file to which the metrics are written as JSON")]
    extensions: Extensions


@dataclass(frozen=True, kw_only=True)
class ExportConfig(Section):
    """Exporting a network."""

    run: Run
    out: Annotated[str | None, Field(description="a .pt2 file; model.pt2 beside the weights where it is null")]
    extensions: Extensions


@dataclass(frozen=True, kw_only=True)
class ReportConfig(Section):
    """Comparing runs."""

    runs: Annotated[str | list[str], Field(description="folders that are searched for finished runs")]
    out: Annotated[str, Field(description="folder that is written to")]
    only: Annotated[str | None, Field(description="only runs of this dataset, such as rooms")]
    delta_metrics: DeltaMetrics = None
    pictures: Annotated[NotNegative, Field(description="test images per setting whose panels the page shows")]
    extensions: Extensions


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig(Section):
    """Measuring training speed."""

    network: Annotated[str, Field(description="option of model")]
    size: ImageSize
    batch_sizes: Annotated[list[Count], Field(min_length=1, description="images per step")]
    precisions: Annotated[list[str], Field(min_length=1, description="values of trainer.precision")]
    steps: Annotated[Count, Field(description="steps that are measured, each round")]
    scenes: Annotated[Count, Field(description="scenes of rooms, generated first")]
    train: Annotated[list[str], Field(description="further overrides of src.train")]
    stages: Annotated[
        list[Literal["teacher", "multi-task", "distilled"]],
        Field(min_length=1, description="what is measured, in turn, so that ratios compare measurements close in time"),
    ]
    variants: Annotated[
        dict[str, list[str]] | None, Field(description="by name, overrides with which each stage is measured too")
    ]
    data: Annotated[
        list[Literal["memmap", "workers", "resident"]], Field(min_length=1, description="how data are read")
    ]
    compile: Annotated[list[bool | str], Field(min_length=1, description="false, true, or modes of torch.compile")]
    rounds: Annotated[Count, Field(description="rounds")]
    warm_up: Annotated[Count, Field(description="steps before each measurement")]
    out: Annotated[str, Field(description="folder that is written to")]
    extensions: Extensions


@dataclass(frozen=True, kw_only=True)
class CheckConfig(Section):
    """Checking a part of one's own against its contract."""

    task: NamedPart
    model: NamedPart
    adaptor: NamedPart
    distance: NamedPart
    loss_weights: NamedPart
    transform: NamedPart
    distillation: NamedPart
    dataset: NamedPart
    options: Annotated[dict[str, Any], Field(description="options of the part, where they differ from its yaml")]
    extensions: Extensions
