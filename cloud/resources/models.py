"""Models, the versions that serve them, and what a model server answers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from cloud.lifecycle import VersionState
from cloud.names import GsUri, check_id

Json = Any
"""A JSON value as ``json.loads`` gives it."""


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    """The bare id."""
    region: str
    create_time: datetime | None
    """None if the service does not report it (ML Engine v1's ``Model`` has no such field)."""
    description: str = ""
    default_version: str | None = None


class Framework(StrEnum):
    """The library that saved a model (``GoogleCloudMlV1__Version.framework``)."""

    TENSORFLOW = "TENSORFLOW"
    SCIKIT_LEARN = "SCIKIT_LEARN"
    XGBOOST = "XGBOOST"


class ServingStack(StrEnum):
    """The program that answers for a version. It decides what a request may hold, the form of numbers, and texts."""

    PREDICTION_LIBRARY = "PREDICTION_LIBRARY"
    """The Python library of ML Engine's ``mls1`` machines and of the images for scikit-learn and XGBoost, and this
    project's serving container."""
    TENSORFLOW_SERVING = "TENSORFLOW_SERVING"
    """TensorFlow Serving: ML Engine's ``n1`` machines, and Vertex AI's prebuilt images for TensorFlow."""


@dataclass(frozen=True, slots=True)
class VersionSpec:
    """A model version to serve. Checked at construction like ``TrainingSpec``."""

    model: str
    name: str
    deployment_uri: GsUri
    """The folder that holds ``saved_model.pb``, ``model.joblib``, ``model.pkl`` or ``model.bst``."""
    runtime_version: str | None = None
    python_version: str | None = None
    description: str = ""
    framework: Framework = Framework.TENSORFLOW
    serving_stack: ServingStack = ServingStack.PREDICTION_LIBRARY
    image: str | None = None
    """The prebuilt image of Vertex AI that serves it, whose name tells the framework's version."""

    def __post_init__(self) -> None:
        check_id(self.model, "model.name")
        check_id(self.name, "version.name")


@dataclass(frozen=True, slots=True)
class Version:
    spec: VersionSpec
    state: VersionState
    create_time: datetime
    is_default: bool = False
    error_message: str = ""

    @property
    def model(self) -> str:
        return self.spec.model

    @property
    def name(self) -> str:
        return self.spec.name


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What a model server answered to a request that it was handed as it was."""

    status: int
    """HTTP's."""
    content: bytes
