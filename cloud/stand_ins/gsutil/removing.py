"""``gsutil rm`` and ``rb``."""

import sys
from typing import Any

from cloud.stand_ins.failures import HttpError
from cloud.stand_ins.gsutil.commands import CommandFailure, Invocation, command
from cloud.stand_ins.gsutil.transfer import Progress
from cloud.stand_ins.listing import BucketNotFound, address
from cloud.stand_ins.urls import Url, parse


@command("rm", "afIrR", "gsutil rm [-f] [-r] url...\ngsutil rm [-f] [-r] -I", least=0)
def rm(run: Invocation) -> int:
    texts = [*run.arguments, *((line.strip() for line in sys.stdin) if run.has("-I") else ())]
    if not texts:
        raise CommandFailure("The rm command requires at least 1 argument.")
    recursive, is_forced = run.has("-r", "-R"), run.has("-f")
    versions = recursive or run.has("-a")
    found: list[dict[str, Any]] = []
    buckets: list[Url] = []
    missing = 0
    for text in texts:
        url = parse(text)
        matched = _matching(run, url, recursive=recursive, versions=versions)
        if recursive and not url.name and matched is not None:
            buckets.append(url)
        elif not matched:
            if not is_forced and not recursive:
                raise CommandFailure(f"No URLs matched: {text}")
            missing += 1
        found += matched or []
    progress = Progress(run, len(found), 0)
    names = [address(each, with_version=versions) for each in found]
    for name in names if run.is_parallel else ():
        progress.removing(name)
    for name, each in zip(names, found, strict=True):
        if not run.is_parallel:
            progress.removing(name)
        run.storage.delete(Url(each["bucket"], each["name"]), each["generation"] if versions else None)
        progress.removed()
    if found:
        progress.end(has_size=False)
    for url in buckets:
        run.say(f"Removing {url}/...")
        run.storage.delete_bucket(url.bucket)
    if missing:
        raise CommandFailure(f"{missing} files/objects could not be removed.")
    return 0


def _matching(run: Invocation, url: Url, *, recursive: bool, versions: bool) -> list[dict[str, Any]] | None:
    """None: there is no such bucket."""
    storage = run.storage.with_versions() if versions else run.storage
    try:
        if not recursive:
            if url.has_wildcard:
                return [each for each in storage.match(url) if "**" in url.name or not each["name"].endswith("/")]
            if versions:
                return [each for each in storage.list_below(url).objects if each["name"] == url.name]
            exact = storage.find(url) if url.name else None
            return [exact] if exact else []
        if not url.name:
            return storage.list_below(url).objects
        if "**" in url.name:
            return list(storage.match(url))
        listing = storage.match_with_folders(url)
        below = [each for prefix in listing.prefixes for each in storage.list_below(Url(url.bucket, prefix)).objects]
        known = {each["name"] for each in listing.objects}
        return [*listing.objects, *(each for each in below if each["name"] not in known)]
    except HttpError as error:
        if error.code != 404:
            raise
        if not url.name:
            raise BucketNotFound(str(url)) from None
        return None


@command("rb", "f", "gsutil rb [-f] gs://<bucket_name>...")
def rb(run: Invocation) -> int:
    status = 0
    for text in run.arguments:
        url = parse(text)
        run.say(f"Removing {url}/...")
        try:
            run.storage.delete_bucket(url.bucket)
        except HttpError as error:
            if run.has("-f"):
                run.say(error.message)
                status = 1
                continue
            if error.code == 404:
                raise BucketNotFound(str(url)) from None
            if error.code == 409:
                sys.stderr.write(f"NotEmptyException: 409 BucketNotEmpty ({url.bucket})\n")
                return 1
            raise
    return status
