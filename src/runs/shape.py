"""The declared shape of run.json, metrics.json and classes.json, against which they are checked when they are read."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

LIBERAL = ConfigDict(extra="allow", strict=True, protected_namespaces=())
Side = Annotated[int, Field(ge=1, le=65_536)]
Count = Annotated[int, Field(ge=0)]
Part = dict[str, Any]


class DatasetShape(BaseModel):
    """What a record says of the data."""

    model_config = LIBERAL
    name: str
    size: Annotated[list[Side], Field(min_length=2, max_length=2)]
    classes: Count | None = None
    label: str | None = None
    content: str | None = None


class NamesShape(BaseModel):
    """Which option of each group was chosen."""

    model_config = LIBERAL
    model: str
    distillation: str
    adaptor: str
    distance: str
    loss_weights: str


class RecordShape(BaseModel):
    """run.json; keys that are not named here pass."""

    model_config = LIBERAL
    status: Literal["running", "finished", "partial", "interrupted", "diverged", "failed"]
    stage: Literal["teacher", "student"]
    task: str | None
    task_configs: Annotated[dict[str, Part], Field(min_length=1)]
    model: Part
    input: dict[str, Any] | None = None
    dataset: DatasetShape
    names: NamesShape
    seed: Count
    epochs: Annotated[int, Field(ge=1)]
    protocol: Literal["last", "mean10", "best"]
    started: str
    train_images: Count
    parameters: Count
    images_per_second: Annotated[float, Field(ge=0)] | None = None
    label: str | None = None
    debug: str | None = None
    digest: str | None = None
    supervision: Literal["full", "random", "one"] = "full"
    teachers: dict[str, Any] = {}
    teacher_digests: dict[str, str] = {}
    teacher_runs: dict[str, str] = {}
    proxy_teachers: dict[str, str] = {}
    teacher_differences: dict[str, dict[str, Any]] = {}
    configuration: dict[str, Any] = {}
    changed: dict[str, Any] | None = None
    primary_metrics: list[str] = []
    training: dict[str, Any] = {}


class ResultsShape(BaseModel):
    """metrics.json; a metric without a value is null."""

    model_config = LIBERAL
    metrics: dict[str, float | None]


class ClassesShape(BaseModel):
    """classes.json; a score of a class without pixels is null."""

    model_config = LIBERAL
    classes: dict[str, float | None]
