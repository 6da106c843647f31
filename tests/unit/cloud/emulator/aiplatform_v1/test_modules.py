import pytest

from cloud.emulator.aiplatform_v1.modules import check_visible
from cloud.emulator.rest.container_command import NeedsImage, Runnable
from cloud.engine.runtimes import python_code
from cloud.wire import own_images


@pytest.mark.parametrize("module", ["json.tool", "numpy.f2py", "sklearn", python_code.MODULE, own_images.TRAINING])
def test_modules_that_jobs_see_or_are_told_how_to_have(module: str) -> None:
    check_visible(Runnable(module, ()))


@pytest.mark.parametrize(
    "module",
    # The last two are here for this program alone.
    [
        "no_such_module_here",
        "json.no_such_module",
        "..json",
        "__main__",
        "google.cloud.none",
        "cloud.run",
        "aiohttp.web",
    ],
)
def test_other_modules_need_the_image_or_a_package(module: str) -> None:
    with pytest.raises(NeedsImage, match="Outside the image there is no module"):
        check_visible(Runnable(module, ()))
    check_visible(Runnable(module, (), package_uris=("gs://bkt/trainer.tar.gz",)))
    check_visible(Runnable(module, (), requirements=("fares",)))
