"""Removes what a crashed run left behind: billed resources first, versions before models."""

from collections.abc import Awaitable, Callable, Sequence

from cloud.backends.gcp import GcpBackend
from cloud.backends.google.service import RUN_LABEL
from cloud.errors import CloudError, FailedPrecondition, NotFound
from cloud.names import GsUri


async def remove_leftovers(
    backend: GcpBackend, run: str, buckets: Sequence[str], on_removed: Callable[[str], None]
) -> None:
    """Remove what ``run`` made: cancel its unfinished jobs, delete its versions and models; of ``buckets``, delete
    those that the run made, and its objects in the others. Resources that do not exist any more are skipped.

    Args:
        on_removed: called with the name of each resource removed.

    Raises:
        FailedPrecondition: names everything that could not be removed.
    """
    failures = []

    async def remove(what: str, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except NotFound:
            return
        except CloudError as error:
            failures.append(f"{what}: {error}")
        else:
            on_removed(what)

    resources = await backend.created_by(run)
    for job in resources.jobs:
        await remove(f"job {job}", lambda job=job: _cancel(backend, job))  # type: ignore[misc]
    defaults = {model: await _default(backend, model) for model, _ in resources.versions}
    # The default version last: it cannot be deleted while others exist.
    for model, version in sorted(resources.versions, key=lambda pair: defaults[pair[0]] == pair[1]):
        await remove(
            f"version {model}/{version}",
            lambda model=model, version=version: backend.delete_version(model, version),  # type: ignore[misc]
        )
    for model in resources.models:
        await remove(f"model {model}", lambda model=model: backend.delete_model(model))  # type: ignore[misc]
    for bucket in buckets:
        if not await backend.bucket_exists(bucket):
            continue
        is_runs_own = (await backend.labels(bucket)).get(RUN_LABEL) == run
        objects = GsUri(bucket) if is_runs_own else GsUri(bucket, f"{run}/")
        if await backend.list_objects(objects):
            await remove(f"objects {objects}", lambda objects=objects: backend.delete_objects(objects))  # type: ignore[misc]
        if is_runs_own:
            await remove(f"bucket gs://{bucket}", lambda bucket=bucket: backend.delete_bucket(bucket))  # type: ignore[misc]
    if failures:
        raise FailedPrecondition("could not be removed: " + "; ".join(failures))


async def _default(backend: GcpBackend, model: str) -> str | None:
    try:
        return (await backend.get_model(model)).default_version
    except NotFound:  # deleted by others, but not its versions
        return None


async def _cancel(backend: GcpBackend, job: str) -> None:
    await backend.cancel_job(job)
    await backend.wait_for_job(job)
