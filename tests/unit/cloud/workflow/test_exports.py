"""The newest SavedModel below a job's output, and the words where there is none."""

from datetime import UTC, datetime, timedelta

import pytest

from cloud.backends.memory import MemoryBackend, succeed
from cloud.errors import NotFound
from cloud.names import GsUri
from cloud.resources import Framework, Job, StoredObject, TrainingSpec
from cloud.workflow.exports import Export, newest, newest_export

NOW = datetime(2026, 1, 2, tzinfo=UTC)
OUTPUT = GsUri("bkt", "job/output")


def stored(*names: str) -> list[StoredObject]:
    """Objects that were written one after the other."""
    return [StoredObject(OUTPUT / name, 1, 1, "", NOW + timedelta(seconds=second)) for second, name in enumerate(names)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["export/9/saved_model.pb", "export/10/saved_model.pb"], "export/10"),
        (["export/10/saved_model.pb", "export/9/saved_model.pb"], "export/10"),
        (["e/1/saved_model.pb", "e/2/saved_model.pbtxt"], "e/2"),
        (["m/b/saved_model.pb", "m/a/saved_model.pb"], "m/a"),
        (["m/7/saved_model.pb", "m/final/saved_model.pb"], "m/7"),
        (["epochs/900/saved_model.pb", "model/saved_model.pb"], "model"),
        (["latest/5/saved_model.pb", "best/4/saved_model.pb"], "best/4"),
        (["saved_model.pb"], ""),
        (["a/1/saved_model.pb", "a/2/variables/variables.index"], "a/1"),
        (["a/²/saved_model.pb", "a/x/saved_model.pb"], "a/x"),
    ],
)
def test_folders_beside_each_other_are_compared_by_number_others_by_time(written: list[str], expected: str) -> None:
    assert newest(stored(*written)) == (OUTPUT / expected if expected else OUTPUT)


def test_nothing_is_found_in_nothing() -> None:
    assert newest(stored("a/model.keras", "b/saved_model.pb.tmp")) is None


async def after_job(*names: str) -> tuple[MemoryBackend, Job]:
    """A backend after a job that wrote these objects."""
    backend = MemoryBackend(run=succeed)
    await backend.create_bucket("bkt")
    await backend.write_object(GsUri("bkt", "before/saved_model.pb"), b"")
    job = await backend.submit_job(TrainingSpec("job", (GsUri("bkt", "x.whl"),), "x"))
    for name in names:
        await backend.write_object(GsUri("bkt", name), b"")
    return backend, job


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ([], r"wrote nothing there at all.*\{output\}.*--job-dir"),
        (["job/output/m/model.keras"], r"m/model\.keras is Keras's own format.*model\.export\(PATH\)"),
        (["job/output/model.h5"], r"model\.h5 is Keras's own format"),
        (["job/output/iris.joblib", "job/output/log"], r"iris\.joblib is there: store it as model\.joblib\.$"),
        (["job/output/model.txt", "job/output/log"], r"It holds log, model\.txt$"),
        ([f"job/output/{n}" for n in range(9)], r"and 4 more"),
        (["elsewhere/2/saved_model.pb"], r"gs://bkt/elsewhere/2 was written while the job ran.*\{output\}"),
    ],
)
async def test_where_there_is_none_the_words_say_what_was_found(written: list[str], words: str) -> None:
    backend, job = await after_job(*written)
    with pytest.raises(NotFound, match=words) as caught:
        await newest_export(backend, job, OUTPUT)
    assert "no folder below gs://bkt/job/output/ holds a saved_model.pb" in caught.value.message
    assert "before" not in caught.value.message


async def test_one_below_the_output_is_found() -> None:
    backend, job = await after_job(
        "job/output/9/saved_model.pb", "job/output/10/saved_model.pb", "later/saved_model.pb"
    )
    assert await newest_export(backend, job, OUTPUT) == Export(OUTPUT / "10")


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (["model.joblib", "log"], Export(OUTPUT, Framework.SCIKIT_LEARN)),
        (["a/model.pkl"], Export(OUTPUT / "a", Framework.SCIKIT_LEARN)),
        (["9/model.bst", "10/model.bst"], Export(OUTPUT / "10", Framework.XGBOOST)),
        (["x/model.bst", "y/model.joblib"], Export(OUTPUT / "x", Framework.XGBOOST)),
        (["1/saved_model.pb", "2/model.joblib"], Export(OUTPUT / "1")),
    ],
)
async def test_without_a_saved_model_one_of_another_framework_is_found(written: list[str], found: Export) -> None:
    backend, job = await after_job(*(f"job/output/{name}" for name in written))
    assert await newest_export(backend, job, OUTPUT) == found
