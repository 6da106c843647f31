"""``gcloud storage ls``, ``cat``, ``du``, ``rm`` and ``objects``."""

import argparse
import json
import re
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

from cloud.stand_ins.checksums import crc32c, md5
from cloud.stand_ins.failures import Failure, HttpError
from cloud.stand_ins.gcloud import storage_resources
from cloud.stand_ins.gcloud.commands import command, flag
from cloud.stand_ins.gcloud.invocation import Invocation
from cloud.stand_ins.listing import BucketNotFound, Lister, Total, address, disk_usage, long_line
from cloud.stand_ins.sizes import storage_readable
from cloud.stand_ins.urls import Url, parse

_URLS = flag("URLS", nargs="*", metavar="URL")
_RECURSIVE = flag("--recursive", "-r", "-R", action="store_true")
_NOT_MATCHED = "The following URLs matched no objects or files:\n"


@command(
    "storage ls",
    flag("URLS", nargs="*", metavar="PATH"),
    _RECURSIVE,
    flag("--long", "-l", action="store_true"),
    flag("--full", "-L", action="store_true"),
    flag("--json", "-j", action="store_true"),
    flag("--buckets", "-b", action="store_true"),
    flag("--readable-sizes", action="store_true"),
    flag("--all-versions", "-a", action="store_true"),
    flag("--etag", "-e", action="store_true"),
    shows="none",
)
def ls(run: Invocation, flags: argparse.Namespace) -> None:
    is_long, total, write = flags.long or flags.full, Total(), sys.stdout.write

    def folder(name: str) -> str:
        return f"{'':34}{name}" if flags.long else name

    def show(resource: dict[str, Any]) -> str:
        if flags.full:
            return storage_resources.full_text(resource)
        return (long_line if flags.long else address)(resource, with_version=flags.all_versions)

    if flags.json:
        _ls_json(run, flags)
        return
    lister = Lister(
        run.storage.with_versions() if flags.all_versions else run.storage,
        show,
        folder,
        heads_bucket=True,
        is_recursive=flags.recursive,
        is_folder_itself=flags.buckets,
    )
    for number, text in enumerate(flags.URLS or ["gs://"]):
        if number and len(flags.URLS) > 1 and flags.recursive:
            write("\n")
        try:
            for line in lister.lines(parse(text), total):
                write(f"{line}\n")
        except BucketNotFound as error:
            raise Failure(f"{error.message} not found: 404.") from None
        sys.stdout.flush()
    if is_long:
        write(f"TOTAL: {total.objects} objects, {total.size} bytes ({storage_readable(total.size)})\n")


def _ls_json(run: Invocation, flags: argparse.Namespace) -> None:
    shown: list[str] = []

    def show(resource: dict[str, Any]) -> str:
        shown.append(json.dumps(storage_resources.listed(resource), indent=2, sort_keys=False))
        return ""

    def folder(name: str) -> str:
        kind = "cloud_bucket" if name.count("/") == 3 else "prefix"
        shown.append(json.dumps({"url": name, "type": kind}, indent=2))
        return ""

    lister = Lister(
        run.storage.with_versions() if flags.all_versions else run.storage,
        show,
        folder,
        heads_bucket=True,
        is_recursive=flags.recursive,
        is_folder_itself=flags.buckets,
    )
    for text in flags.URLS or ["gs://"]:
        try:
            list(lister.lines(parse(text), Total()))
        except BucketNotFound as error:
            raise Failure(f"{error.message} not found: 404.") from None
    sys.stdout.write("[\n" + ",\n".join(shown) + "\n]\n")


@command(
    "storage cat",
    _URLS,
    flag("--range", "-r"),
    flag("--display-url", "-d", action="store_true"),
    shows="none",
)
def cat(run: Invocation, flags: argparse.Namespace) -> None:
    if not flags.URLS:
        raise Failure("argument URL [URL ...]: Must be specified.", status=2)
    part = byte_range(flags.range) if flags.range else None
    missing = []
    for text in flags.URLS:
        url = parse(text)
        found = _matching(run, url)
        if not found:
            missing.append(text)
        for each in found:
            if flags.display_url:
                sys.stdout.write(f"==> {each} <==\n")
            sys.stdout.flush()
            run.storage.read(each, sys.stdout.buffer, part)
            sys.stdout.buffer.flush()
    if missing:
        raise Failure(_NOT_MATCHED + "\n".join(missing))


def byte_range(text: str) -> str:
    """``0-99``, ``5-`` or ``-5`` as HTTP writes it.

    Raises:
        Failure: it is none of them.
    """
    if re.fullmatch(r"\d+-\d*|-\d+", text) is None:
        raise Failure(f"Expected a range such as 0-99, 100- or -100, not [{text}]", status=2)
    return f"bytes={text}"


def _matching(run: Invocation, url: Url) -> list[Url]:
    try:
        if url.has_wildcard:
            return [Url(each["bucket"], each["name"]) for each in run.storage.match(url)]
        return [url] if url.name and run.storage.find(url) is not None else []
    except HttpError as error:
        if error.code == 404:
            return []
        raise


@command(
    "storage du",
    _URLS,
    flag("--summarize", "-s", action="store_true"),
    flag("--total", "-c", action="store_true"),
    flag("--readable-sizes", action="store_true"),
    flag("--all-versions", "-a", action="store_true"),
    shows="none",
)
def du(run: Invocation, flags: argparse.Namespace) -> None:
    total = 0
    storage = run.storage.with_versions() if flags.all_versions else run.storage
    for text in flags.URLS or [f"gs://{bucket['name']}" for bucket in run.storage.buckets()]:
        lines = []
        try:
            for size, name in disk_usage(storage, parse(text), is_summary=flags.summarize):
                lines.append(f"{storage_readable(size) if flags.readable_sizes else size:<13}{name}\n")
                total += 0 if name.endswith("/") and not flags.summarize else size
        except BucketNotFound as error:
            raise Failure(f"{error.message} not found: 404.") from None
        sys.stdout.write("".join(lines))
    if flags.total:
        sys.stdout.write(f"{storage_readable(total) if flags.readable_sizes else total:<13}total\n")


@command(
    "storage rm",
    _URLS,
    _RECURSIVE,
    flag("--all-versions", "-a", action="store_true"),
    flag("--continue-on-error", "-c", action="store_true"),
    flag("--read-paths-from-stdin", "-I", action="store_true"),
    flag("--exclude-managed-folders", action="store_true"),
    shows="none",
)
def rm(run: Invocation, flags: argparse.Namespace) -> Any:
    urls = [parse(text) for text in [*flags.URLS, *(_stdin_lines() if flags.read_paths_from_stdin else ())]]
    if not urls:
        raise Failure("Must have URL arguments if not reading paths from stdin.")
    run.say("Removing objects:\n  ")
    missing, removed, buckets = [], 0, []
    versions = flags.recursive or flags.all_versions
    for url in urls:
        found = _to_remove(run, url, recursive=flags.recursive, versions=versions)
        is_bucket = flags.recursive and not url.name and found is not None
        if not found and not is_bucket:
            missing.append(str(url))
        for each in found or ():
            run.say(f"Removing {address(each, with_version=versions or url.has_wildcard)}...")
            run.storage.delete(Url(each["bucket"], each["name"]), each["generation"] if versions else None)
            removed += 1
        if is_bucket:
            buckets.append(url)
    run.say("." * removed)
    if buckets:
        run.say("Removing buckets:\n  ")
        for url in buckets:
            run.say(f"Removing {url}/...")
            run.storage.delete_bucket(url.bucket)
        run.say(".")
    if missing:
        if flags.recursive:
            run.say("Removing managed folders:\n  \nfailed.")
        raise Failure(_NOT_MATCHED + "\n".join(missing))
    return None


def _stdin_lines() -> list[str]:
    return [line.strip() for line in sys.stdin if line.strip()]


def _to_remove(run: Invocation, url: Url, *, recursive: bool, versions: bool) -> list[dict[str, Any]] | None:
    """None: there is no such bucket."""
    storage = run.storage.with_versions() if versions else run.storage
    try:
        if not recursive:
            if url.has_wildcard:
                return list(storage.match(url))
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
        return [*listing.objects, *(each for each in below if each not in listing.objects)]
    except HttpError as error:
        if error.code == 404:
            return None
        raise


@command("storage objects describe", flag("URL"), flag("--raw", action="store_true"))
def describe(run: Invocation, flags: argparse.Namespace) -> Any:
    url = parse(flags.URL)
    found = run.storage.find(url)
    if found is None:
        from cloud.stand_ins.connection import escape

        raise Failure(f"gs://{url.bucket}/{escape(url.name)} not found: 404.")
    return found if flags.raw else storage_resources.of_object(found)


@command("storage objects list", _URLS, flag("--raw", action="store_true"), lists=True, announces_none=False)
def list_objects(run: Invocation, flags: argparse.Namespace) -> Any:
    shown = []
    for text in flags.URLS:
        url = parse(text)
        found = run.storage.match(url if url.name else url.below("**"))
        shown += [each if flags.raw else storage_resources.of_object(each) for each in found]
    return shown


@command(
    "storage hash",
    _URLS,
    flag("--hex", action="store_true"),
    flag("--skip-crc32c", action="store_true"),
    flag("--skip-md5", action="store_true"),
    lists=True,
)
def hashes(run: Invocation, flags: argparse.Namespace) -> Any:
    shown = []
    for text in flags.URLS:
        crc, digest = _hashes(run, text)
        if flags.hex:
            crc, digest = (b64decode(each).hex() for each in (crc, digest))
        found = {"digest_format": "hex" if flags.hex else "base64", "url": text}
        found |= {} if flags.skip_crc32c else {"crc32c_hash": crc}
        found |= {} if flags.skip_md5 or not digest else {"md5_hash": digest}
        shown.append(found)
    return shown


def _hashes(run: Invocation, text: str) -> tuple[str, str]:
    if text.startswith("gs://"):
        found = run.storage.find(parse(text))
        if found is not None:
            return found["crc32c"], found.get("md5Hash", "")
    elif Path(text).is_file():
        return crc32c(Path(text)), md5(Path(text))
    raise Failure(_NOT_MATCHED + text)
