"""Custom containers of training jobs, whose images were built here.

Rules: ``ReplicaConfig`` of the discovery document ``ml.v1``; https://cloud.google.com/ai-platform/training/docs/containers-overview.
"""

from collections.abc import Mapping

from cloud.emulator.rest.container_command import NeedsImage
from cloud.emulator.rest.container_images import Images, program_of, words_of
from cloud.emulator.rest.schemas import snake
from cloud.errors import InvalidArgument
from cloud.resources import Json
from cloud.wire.ml_v1 import JobImage

ROLES = ("master", "worker", "parameterServer", "evaluator")


def find_image(given: Mapping[str, Json], images: Images) -> JobImage | None:
    """What the replicas of a ``TrainingInput`` run; None if it names no image.

    Raises:
        InvalidArgument: an image was not built here, it runs nothing, or replicas have different ones.
    """
    configs = {role: given[f"{role}Config"] for role in ROLES if "imageUri" in given.get(f"{role}Config", {})}
    if not configs:
        return None
    if "master" in configs and "runtimeVersion" in given:
        raise InvalidArgument("Only one of runtime version or the master Docker image URI should be provided.")
    # The others take the master's if they name none.
    for role, config in configs.items():
        place = f"training_input.{snake(role)}_config"
        if images(config["imageUri"]) is None:
            raise InvalidArgument(
                f"Images are not pulled here, and {config['imageUri'][:300]!r} was not built and pushed here: do so by "
                "`gcloud builds submit --tag` or `docker build` and `docker push` among this cloud's programs, or give "
                "packageUris and pythonModule instead.",
                field=f"{place}.image_uri",
            )
        if config != configs.get("master"):
            raise InvalidArgument(
                "All replicas run the master's image and command here: leave it out, and tell them apart by TF_CONFIG.",
                field=f"{place}.image_uri",
            )
    config = configs["master"]
    image = images(config["imageUri"])
    assert image is not None  # noqa: S101 - checked
    args = [*config.get("containerArgs", ()), *given.get("args", ())]
    adds_args = "jobDir" in given or "hyperparameters" in given
    try:
        program = program_of(words_of(image, config.get("containerCommand", ()), args, adds_args=adds_args))
    except NeedsImage as error:
        raise InvalidArgument(str(error), field="training_input.master_config.image_uri") from None
    return JobImage(config["imageUri"], image.digest, program.module, program.args)
