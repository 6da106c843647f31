"""Removes what a run left that could not clean up after itself: first what bills, and undeploys before it deletes."""

from collections.abc import Awaitable, Callable, Sequence

from cloud.backends.gcp import GcpBackend
from cloud.backends.google.service import RUN_LABEL
from cloud.errors import CloudError, FailedPrecondition, NotFound
from cloud.names import GsUri


async def remove_leftovers(backend: GcpBackend, run: str, buckets: Sequence[str], told: Callable[[str], None]) -> None:
    """Remove what ``run`` made: jobs that are not finished are cancelled, versions and models deleted, of ``buckets``
    those that the run made, and in the others its objects. Nothing is there any more? Then that is well.

    Args:
        told: what was removed, one line each.

    Raises:
        FailedPrecondition: naming everything that could not be removed.
    """
    left = []

    async def remove(what: str, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except NotFound:
            return
        except CloudError as error:
            left.append(f"{what}: {error}")
        else:
            told(what)

    made = await backend.created_by(run)
    for job in made.jobs:
        await remove(f"job {job}", lambda job=job: _end(backend, job))  # type: ignore[misc]
    defaults = {model: await _default(backend, model) for model, _ in made.versions}
    # A default version goes last: it cannot while there are others.
    for model, version in sorted(made.versions, key=lambda one: defaults[one[0]] == one[1]):
        await remove(
            f"version {model}/{version}",
            lambda model=model, version=version: backend.delete_version(model, version),  # type: ignore[misc]
        )
    for model in made.models:
        await remove(f"model {model}", lambda model=model: backend.delete_model(model))  # type: ignore[misc]
    for bucket in buckets:
        if not await backend.bucket_exists(bucket):
            continue
        is_own = (await backend.labels(bucket)).get(RUN_LABEL) == run
        objects = GsUri(bucket) if is_own else GsUri(bucket, f"{run}/")
        if await backend.list_objects(objects):
            await remove(f"objects {objects}", lambda objects=objects: backend.delete_objects(objects))  # type: ignore[misc]
        if is_own:
            await remove(f"bucket gs://{bucket}", lambda bucket=bucket: backend.delete_bucket(bucket))  # type: ignore[misc]
    if left:
        raise FailedPrecondition("could not be removed: " + "; ".join(left))


async def _default(backend: GcpBackend, model: str) -> str | None:
    try:
        return (await backend.get_model(model)).default_version
    except NotFound:  # somebody else deleted it, and left its versions
        return None


async def _end(backend: GcpBackend, job: str) -> None:
    await backend.cancel_job(job)
    await backend.wait_for_job(job)
