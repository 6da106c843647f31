"""What of a ``Model`` decides whether it can be served here: its container and its artifacts."""

import functools
from collections.abc import Mapping

from cloud.backends.base import Backend
from cloud.emulator.rest.container_command import NeedsImage, without_image
from cloud.errors import FailedPrecondition, InvalidArgument, NotFound
from cloud.names import GsUri
from cloud.resources import Framework, Json, ServingStack
from cloud.wire import own_images
from cloud.wire.images import ImageKind, parse_image
from cloud.wire.model_files import MODEL_FILES, holds_model, model_hint

EXPORT_FORMAT = "custom-trained"
"""The format of the export of a model that was uploaded: its artifacts as they are (``ModelExportFormat.id``)."""


def check_container(model: Mapping[str, Json]) -> None:
    """Raises:
    InvalidArgument: the model is not one that this cloud serves.
    """
    container = model.get("containerSpec", {})
    image = container.get("imageUri", "")
    if not image:
        raise InvalidArgument("The URI of a serving container's image is required.", field="model.container_spec")
    if _prebuilt(image) is None and not is_own(container):
        raise InvalidArgument(
            f"Images are not pulled here, and of {image[:200]!r} only the command could run: give one of Google's "
            "prebuilt images for TensorFlow, scikit-learn or XGBoost "
            "(us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest), or for your "
            f'own the command ["python3", "-m", "{own_images.SERVING}"] (docker/serving.Dockerfile).',
            field="model.container_spec.image_uri",
        )


_FRAMEWORKS = {
    "tensorflow": Framework.TENSORFLOW,
    "scikit-learn": Framework.SCIKIT_LEARN,
    "xgboost": Framework.XGBOOST,
}
"""Of the prebuilt images that are served: those of PyTorch run TorchServe."""


def _prebuilt(image: str) -> Framework | None:
    """The framework that a prebuilt image serves; None for another image."""
    found = parse_image(image)
    return _FRAMEWORKS.get(found.framework) if found is not None and found.kind is ImageKind.PREDICTION else None


def framework(container: Mapping[str, Json]) -> Framework:
    """The framework of the models that a ``ModelContainerSpec`` serves."""
    if is_own(container):
        return Framework.TENSORFLOW
    return _prebuilt(container.get("imageUri", "")) or Framework.TENSORFLOW


def is_own(container: Mapping[str, Json]) -> bool:
    """Whether a ``ModelContainerSpec`` runs this project's serving worker, as docker/serving.Dockerfile makes it: its
    answers have their own form."""
    return _module((*container.get("command", ()), *container.get("args", ()))) == own_images.SERVING


def serving_stack(container: Mapping[str, Json]) -> ServingStack:
    """What answers in a ``ModelContainerSpec``."""
    is_serving = framework(container) is Framework.TENSORFLOW and not is_own(container)
    return ServingStack.TENSORFLOW_SERVING if is_serving else ServingStack.PREDICTION_LIBRARY


@functools.lru_cache(maxsize=128)
def _module(command: tuple[str, ...]) -> str | None:
    # Called with each prediction.
    try:
        return without_image(command).module
    except NeedsImage:
        return None


async def check_artifacts(backend: Backend, model: Mapping[str, Json]) -> None:
    """Raises:
    InvalidArgument: there is no folder of artifacts, or its name is wrong.
    FailedPrecondition: it does not hold one model of the container's framework.
    """
    if "artifactUri" not in model:
        raise InvalidArgument("The folder of the model's file is required.", field="model.artifact_uri")
    folder = GsUri.parse(model["artifactUri"], "model.artifact_uri").as_folder()
    try:
        found = [stored.uri.path.removeprefix(folder.path) for stored in await backend.list_objects(folder)]
    except NotFound as error:
        raise InvalidArgument(f"{error.message}", field="model.artifact_uri") from None
    kind = framework(model.get("containerSpec", {}))
    if not holds_model(kind, set(found)):
        raise FailedPrecondition(
            f"Model directory {str(folder)[:500]} is expected to contain exactly one of: "
            f"[{', '.join(MODEL_FILES[kind])}].{model_hint(kind, found)}",
            field="model.artifact_uri",
        )
