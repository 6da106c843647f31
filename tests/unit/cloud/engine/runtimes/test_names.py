import pytest

from cloud.emulator.ml_v1.tables import RUNTIMES
from cloud.engine.runtimes.names import nearest, request_for_image, request_for_version, request_of
from cloud.engine.runtimes.runtime import RuntimeRequest
from cloud.names import GsUri
from cloud.resources import Service, TrainingSpec

REGISTRY = "us-docker.pkg.dev/vertex-ai"


def found(request: RuntimeRequest | None, *ready: str, python: str = "3.11", exact: bool = False) -> str:
    return nearest(request, ready=ready, installed="2.21.0", python=python, exact=exact)


def test_a_job_that_requests_nothing_runs_in_what_is_installed():
    assert request_for_version(None, None) is None
    assert found(None) == "installed"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_runtime_version_of_ml_engine_has_a_nearest_runtime(runtime):
    for python in RUNTIMES[runtime]:
        request = request_for_version(runtime, python)
        assert request == RuntimeRequest(
            "tensorflow", runtime, python, f"runtime version {runtime} with Python {python}"
        )
        assert found(request) == ("tf1" if runtime.startswith("1.") else "tf2.15")


@pytest.mark.parametrize(
    ("runtime", "ready", "name"),
    [
        ("2.8", ["tf2.15"], "tf2.15"),
        ("2.8", ["tf2.15", "tf2.8"], "tf2.8"),
        ("1.15", ["tf1", "tf1.15"], "tf1.15"),
        ("2.15", [], "tf2.15"),
        ("2.16", [], "installed"),
        ("2.17", ["tf2.17"], "tf2.17"),
        ("2.21", ["tf2.15"], "installed"),
        ("2.21.0", [], "installed"),
    ],
)
def test_a_version_that_exists_exactly_is_preferred(runtime, ready, name):
    assert found(request_for_version(runtime, None), *ready) == name


def test_in_the_strict_mode_a_version_that_has_wheels_is_that_one():
    assert found(request_for_version("2.17", None), exact=True) == "tf2.17"
    assert found(request_for_version("2.8", None), exact=True) == "tf2.15"
    assert found(request_for_version("2.21", None), exact=True) == "installed"


@pytest.mark.parametrize(
    ("image", "python", "name"),
    [
        ("training/tf-cpu.2-1:latest", "3.11", "tf2.15"),
        ("training/tf-gpu.1-15", "3.11", "tf1"),
        ("training/tf-cpu.2-17.py310:latest", "3.11", "installed"),
        ("prediction/tf_opt-cpu.nightly", "3.11", "installed"),
        ("training/scikit-learn-cpu.0-23", "3.11", "sklearn1.1"),
        ("training/sklearn-cpu.1-0", "3.13", "sklearn1.5"),
        ("prediction/sklearn-cpu.1-6", "3.11", "sklearn1.6"),
        ("prediction/xgboost-cpu.0-82", "3.11", "xgboost1.6"),
        ("prediction/xgboost-cpu.2-1", "3.12", "xgboost2.1"),
        ("training/pytorch-gpu.2-4.py310", "3.11", "installed"),
    ],
)
def test_each_image_has_a_nearest_runtime(image, python, name):
    assert found(request_for_image(f"{REGISTRY}/{image}"), python=python) == name


def test_a_framework_without_a_version_is_served_by_what_exists():
    request = RuntimeRequest("scikit-learn", None, None, "scikit-learn")
    assert found(request) == "sklearn1.7"
    assert found(request, "sklearn1.3", "tf2.15") == "sklearn1.3"


def test_a_version_of_no_wheels_yet_is_the_newest_that_there_is():
    assert found(RuntimeRequest("scikit-learn", "1.9", None, "x")) == "sklearn1.7"


def test_a_model_of_another_framework_is_requested_by_its_runtime_version():
    request = request_for_version("2.8", "3.7", "xgboost")
    assert request is not None
    assert (request.framework, found(request)) == ("xgboost", "xgboost1.6")


def test_the_text_of_an_image_says_if_google_does_not_list_it():
    listed, unknown = (request_for_image(f"{REGISTRY}/training/{name}") for name in ("tf-cpu.2-9", "tf-cpu.2-13"))
    assert listed is not None
    assert unknown is not None
    assert listed.text == "image training/tf-cpu.2-9"
    assert unknown.text == "image training/tf-cpu.2-13, which no page of Google's lists"
    assert request_for_image("gcr.io/me/mine") is None


def test_a_jobs_image_decides_before_its_runtime_version():
    def spec(**given):
        return TrainingSpec("1", (GsUri("bucket", "a.whl"),), "trainer.task", service=Service.VERTEX_AI, **given)

    assert request_of(spec()) is None
    assert request_of(spec(runtime_version="2.9")) == request_for_version("2.9", None)
    image = f"{REGISTRY}/training/tf-cpu.2-9"
    assert request_of(spec(image=image, runtime_version="1.15")) == request_for_image(image)
