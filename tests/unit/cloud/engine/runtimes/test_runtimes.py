"""What becomes of a request, with runtimes that are only folders."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cloud.engine.launch.command import Interpreter
from cloud.engine.runtimes import hooks
from cloud.engine.runtimes.names import request_for_image, request_for_version
from cloud.engine.runtimes.runtime import Runtime, RuntimeRequest
from cloud.engine.runtimes.runtimes import Runtimes
from cloud.errors import FailedPrecondition, InvalidArgument
from cloud.names import GsUri
from cloud.resources import Framework, VersionSpec
from cloud.resources.log_entries import Severity
from cloud.settings import RequirementsMode, RuntimeMode

Make = Callable[..., Runtimes]
INSTALLED = "installed (TensorFlow 2.21.0, Python 3.11.7)"


class Log(list[str]):
    def __call__(self, line: str, severity: Severity) -> None:
        self.append(line if severity is Severity.INFO else f"{severity.value}: {line}")


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def installed(tmp_path: Path) -> Runtime:
    site = tmp_path / "installed"
    add_distribution(site, "tensorflow", "2.21.0")
    return Runtime(
        "installed",
        "TensorFlow 2.21.0, Python 3.11.7",
        Interpreter(Path(sys.executable), ("tensorflow",), (3, 11)),
        (site,),
    )


@pytest.fixture
def make(store: Path, installed: Runtime) -> Make:
    def make(
        mode: RuntimeMode = RuntimeMode.ANY,
        requirements: RequirementsMode = RequirementsMode.OFFLINE,
        **environ: str,
    ) -> Runtimes:
        return Runtimes([store], lambda: installed, mode, requirements, environ=environ)

    return make


def add_distribution(site: Path, name: str, version: str) -> None:
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def add_runtime(store: Path, name: str, description: str, python: str = "3.11.7", base: str | None = None) -> Path:
    folder = store / f"{name}-py{python.rpartition('.')[0]}"
    (folder / "bin").mkdir(parents=True)
    (folder / "lib" / f"python{python.rpartition('.')[0]}" / "site-packages").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    record = {"name": name, "python": python, "description": description, "base": base, "layer": None}
    (folder / "runtime.json").write_text(json.dumps(record))
    return folder


def of(runtime: str | None, python: str | None = None) -> RuntimeRequest:
    request = request_for_version(runtime, python)
    assert request is not None
    return request


async def test_a_job_that_requests_nothing_gets_what_is_installed_without_a_word(make, installed, log):
    assert await make().prepare(None, log) == installed
    assert log == []


async def test_a_runtime_that_an_earlier_version_made_gets_the_hook_of_this_one(make, store, log):
    site = add_runtime(store, "tf2.15", "TensorFlow 2.15.1") / "lib/python3.11/site-packages"
    await make().prepare(of("2.8"), log)
    assert (site / "_offline_ml_older_names.pth").read_text() == "import _offline_ml_older_names\n"
    hook = site / "_offline_ml_older_names.py"
    assert hook.read_bytes() == Path(hooks.__file__).with_name("older_names_hook.py").read_bytes()


async def test_the_log_says_which_runtime_it_is_and_how_it_differs(make, store, log):
    base = add_runtime(store, "tf2.15", "TensorFlow 2.15.1")
    folder = add_runtime(store, "tf1", "TensorFlow 2.15.1 as compat.v1", base=base.name)
    hook = folder / "lib/python3.11/site-packages/_offline_ml_tensorflow_1.py"
    hook.write_text("of an earlier version")
    runtime = await make().prepare(of("1.15", "3.7"), log)
    assert log == ["Runtime version 1.15 with Python 3.7: runs in tf1 (TensorFlow 2.15.1 as compat.v1, Python 3.11.7)."]
    assert hook.read_bytes() == Path(hooks.__file__).with_name("tensorflow_1_hook.py").read_bytes()
    assert runtime.interpreter == Interpreter(folder / "bin/python", ("tensorflow", "keras"), (3, 11))
    assert runtime.site == tuple(one / "lib/python3.11/site-packages" for one in (folder, base))


async def test_an_older_interpreter_has_its_version(make, store, log):
    add_runtime(store, "tf2.8", "TensorFlow 2.8.4", "3.7.16")
    runtime = await make().prepare(of("2.8"), log)
    assert (runtime.name, runtime.interpreter.version, runtime.interpreter.can_preload) == ("tf2.8", (3, 7), False)


async def test_an_image_is_named_in_the_log(make, store, log):
    add_runtime(store, "tf2.15", "TensorFlow 2.15.1")
    await make().prepare(request_for_image("gcr.io/cloud-aiplatform/training/tf-cpu.2-1"), log)
    await make().prepare(request_for_image("gcr.io/cloud-aiplatform/training/tf-cpu.2-13:latest"), log)
    where = "runs in tf2.15 (TensorFlow 2.15.1, Python 3.11.7)."
    assert log == [
        f"Image training/tf-cpu.2-1: {where}",
        f"Image training/tf-cpu.2-13, which no page of Google's lists: {where}",
    ]


async def test_what_is_installed_may_be_the_nearest(make, installed, log):
    assert await make().prepare(of("2.17"), log) == installed
    assert await make(RuntimeMode.MATCH).prepare(of("2.21", "3.11"), log) == installed
    assert log == [
        f"Runtime version 2.17: runs in {INSTALLED}.",
        f"Runtime version 2.21 with Python 3.11: runs in {INSTALLED}.",
    ]


MISSING = "untime version 2.8 needs tf2.15, which is not here: python -m cloud.runtimes add 2.8 (0.5 GB to download)"


async def test_a_runtime_that_is_not_there_is_replaced_by_what_is_installed_in_the_lenient_mode(make, installed, log):
    assert await make().prepare(of("2.8"), log) == installed
    assert log == [f"WARNING: Runtime version 2.8: runs in {INSTALLED}, because r{MISSING}"]


async def test_a_runtime_that_is_not_there_is_refused_in_the_strict_mode(make, log):
    runtimes = make(RuntimeMode.MATCH)
    with pytest.raises(FailedPrecondition) as caught:
        await runtimes.prepare(of("2.8"), log)
    assert str(caught.value) == f"r{MISSING}"
    with pytest.raises(InvalidArgument) as refused:
        runtimes.check(of("2.8"), "training_input.runtime_version")
    assert str(refused.value) == f"training_input.runtime_version: r{MISSING}"


async def test_without_uv_nothing_can_be_made(make, installed, log, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    runtimes = make(requirements=RequirementsMode.INDEX, PATH="/nowhere")
    assert await runtimes.prepare(of("2.8"), log) == installed
    mend = "tf2.15 cannot be made: uv is not installed: pip install 'offline-ml-cloud[runtimes]'"
    assert log[-1] == f"WARNING: Runtime version 2.8: runs in {INSTALLED}, because {mend}"
    with pytest.raises(InvalidArgument, match=r"which is not here: python -m cloud\.runtimes add 2\.8"):
        make(RuntimeMode.MATCH, RequirementsMode.INDEX, PATH="/nowhere").check(of("2.8"), "x")


async def test_a_runtime_whose_python_has_gone_is_not_there(make, store, log):
    folder = add_runtime(store, "tf2.15", "TensorFlow 2.15.1")
    (folder / "bin" / "python").unlink()
    with pytest.raises(FailedPrecondition, match=r"needs tf2.15, which is not here"):
        await make(RuntimeMode.MATCH).prepare(of("2.8"), log)


@pytest.mark.parametrize("requirements", RequirementsMode)
async def test_the_lenient_mode_accepts_everything(make, requirements):
    runtimes = make(requirements=requirements)
    assert runtimes.available() is None
    for request in (None, of("1.0", "2.7"), of(None, "2.7"), of("9.9"), request_for_image("gcr.io/me/mine")):
        runtimes.check(request, "x")


async def test_the_strict_mode_accepts_what_exists(make, store):
    runtimes = make(RuntimeMode.MATCH)
    assert runtimes.available() == {"2.21": frozenset({"3.11"})}
    for request in (None, of("2.21"), of("2.21", "3.11"), of(None, "3.11")):
        runtimes.check(request, "x")
    for request in (of("2.21", "3.12"), of(None, "3.7"), of("2.17"), of("1.15")):
        with pytest.raises(InvalidArgument, match=request.text):
            runtimes.check(request, "x")

    add_runtime(store, "tf2.15", "TensorFlow 2.15.1")
    add_runtime(store, "tf2.17", "TensorFlow 2.17.1", "3.12.1")
    available = runtimes.available()
    assert available is not None
    assert (available["2.8"], available["2.17"]) == ({"2.7", "3.5", "3.7", "3.11"}, {"3.12"})
    assert "1.15" not in available
    for request in (of("2.8", "3.7"), of("2.17")):
        runtimes.check(request, "x")


async def test_the_strict_mode_accepts_what_can_be_made(make):
    runtimes = make(RuntimeMode.MATCH, RequirementsMode.INDEX)
    runtimes.check(of("1.15", "3.7"), "x")
    assert {"1.0", "1.15", "2.1", "2.15", "2.21"} <= set(runtimes.available() or ())
    offline = make(RuntimeMode.MATCH, RequirementsMode.INDEX, UV_OFFLINE="1")
    assert set(offline.available() or ()) == {"2.21"}


async def test_pytorch_is_named_where_it_is_missing(make, installed, log):
    request = request_for_image("us-docker.pkg.dev/vertex-ai/training/pytorch-gpu.2-4.py310")
    assert await make().prepare(request, log) == installed
    missing = (
        "image training/pytorch-gpu.2-4.py310 needs PyTorch, which is not here: install torch next to this project, or "
        "add it to the requirements of the job's package or image"
    )
    assert log == [f"WARNING: I{missing[1:].partition(' needs')[0]}: runs in {INSTALLED}, because {missing}"]
    with pytest.raises(InvalidArgument, match="needs PyTorch"):
        make(RuntimeMode.MATCH).check(request, "x")
    with pytest.raises(FailedPrecondition, match="needs PyTorch"):
        await make(RuntimeMode.MATCH).prepare(request, log)
    log.clear()
    add_distribution(installed.site[0], "torch", "2.4.0")
    assert await make(RuntimeMode.MATCH).prepare(request, log) == installed
    assert log == [f"Image training/pytorch-gpu.2-4.py310: runs in {INSTALLED}."]


async def test_the_mend_for_another_framework_names_its_runtime(make, log):
    request = request_for_image("us-docker.pkg.dev/vertex-ai/training/sklearn-cpu.1-6.py310")
    with pytest.raises(FailedPrecondition, match=r"needs sklearn1.6, which is not here: .* add sklearn1.6 \(0.2 GB"):
        await make(RuntimeMode.MATCH).prepare(request, log)


def version(framework: Framework = Framework.SCIKIT_LEARN, **given: str) -> VersionSpec:
    return VersionSpec("m", "v", GsUri("bucket", "model"), framework=framework, **given)


SKLEARN_IMAGE = "us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-6:latest"
OF_2_11 = {"runtime_version": "2.11", "python_version": "3.7"}


async def test_a_version_is_served_in_the_runtime_of_jobs_with_the_same_request(make, store, installed, log):
    folder = add_runtime(store, "tf2.15", "TensorFlow 2.15.1")
    runtimes = make(RuntimeMode.MATCH)
    with pytest.raises(FailedPrecondition, match=r"needs sklearn1\.1, which is not here: .* add sklearn1\.1"):
        await runtimes.prepare_server(version(**OF_2_11), log)
    with pytest.raises(InvalidArgument, match=r"needs sklearn1\.1, which"):
        runtimes.check_server(version(**OF_2_11), "version.framework")
    add_distribution(folder / "lib/python3.11/site-packages", "scikit_learn", "1.1.3")
    runtimes.check_server(version(**OF_2_11), "version.framework")
    assert (await runtimes.prepare_server(version(**OF_2_11), log)).name == "tf2.15"
    where = "served in tf2.15 (TensorFlow 2.15.1, Python 3.11.7)."
    assert log == [f"Runtime version 2.11 with Python 3.7: {where}"]


async def test_an_images_version_is_served_in_its_own_runtime_or_in_what_is_installed(make, store, installed, log):
    with pytest.raises(FailedPrecondition, match=r"image prediction/sklearn-cpu.1-6 needs sklearn1\.6"):
        await make().prepare_server(version(image=SKLEARN_IMAGE), log)
    add_distribution(installed.site[0], "scikit_learn", "1.7.2")
    assert (await make().prepare_server(version(image=SKLEARN_IMAGE), log)).name == "installed"
    with pytest.raises(FailedPrecondition, match=r"needs sklearn1\.6, which is not here"):
        await make(RuntimeMode.MATCH).prepare_server(version(image=SKLEARN_IMAGE), log)
    own = add_runtime(store, "sklearn1.6", "scikit-learn 1.6.1")
    add_distribution(own / "lib/python3.11/site-packages", "scikit_learn", "1.6.1")
    assert (await make().prepare_server(version(image=SKLEARN_IMAGE), log)).name == "sklearn1.6"


async def test_xgboost_has_two_distributions(make, installed, log):
    spec = version(Framework.XGBOOST, **OF_2_11)
    with pytest.raises(FailedPrecondition, match=r"needs xgboost1\.6"):
        await make().prepare_server(spec, log)
    add_distribution(installed.site[0], "xgboost_cpu", "3.0.0")
    assert (await make().prepare_server(spec, log)).name == "installed"


async def test_a_version_without_a_request_is_served_where_such_jobs_run(make, store, installed, log):
    own = add_runtime(store, "sklearn1.7", "scikit-learn 1.7.2")
    add_distribution(own / "lib/python3.11/site-packages", "scikit_learn", "1.7.2")
    assert (await make().prepare_server(version(), log)).name == "sklearn1.7"
    add_distribution(installed.site[0], "scikit_learn", "1.5.2")
    assert (await make(RuntimeMode.MATCH).prepare_server(version(), log)).name == "installed"
    assert log[-1] == f"Scikit-learn: served in {INSTALLED}."
