"""``gsutil ls``, ``cat``, ``du``, ``stat`` and ``hash``."""

import json
import sys
from pathlib import Path
from typing import Any

from cloud.stand_ins.checksums import crc32c, md5
from cloud.stand_ins.failures import HttpError
from cloud.stand_ins.gsutil.commands import CommandFailure, Invocation, command
from cloud.stand_ins.listing import BucketNotFound, Lister, Total, address, disk_usage, long_line
from cloud.stand_ins.sizes import http_date, readable
from cloud.stand_ins.urls import Url, parse


@command("ls", "aebdhlLp:rR", "gsutil ls [-a] [-b] [-d] [-l] [-L] [-r] [-p proj_id] url...", least=0)
def ls(run: Invocation) -> int:
    if project := run.value("-p"):
        run.project = project
    is_long, total, write = run.has("-l"), Total(), sys.stdout.write
    versions = run.has("-a")

    def folder(name: str) -> str:
        return f"{'':33}{name}" if is_long else name

    def show(resource: dict[str, Any]) -> str:
        if run.has("-L"):
            return _full(resource)
        return (long_line if is_long else address)(resource, with_version=versions)

    storage = run.storage.with_versions() if versions else run.storage
    lister = Lister(storage, show, folder, is_recursive=run.has("-r", "-R"), is_folder_itself=run.has("-d", "-b"))
    for text in run.arguments or ["gs://"]:
        for line in lister.lines(parse(text), total):
            write(f"{line}\n")
        sys.stdout.flush()
    if (is_long or run.has("-L")) and total.objects:
        write(f"TOTAL: {total.objects} objects, {total.size} bytes ({readable(total.size)})\n")
    return 0


@command("cat", "hr:", "gsutil cat [-h] url...")
def cat(run: Invocation) -> int:
    part = run.value("-r")
    for text in run.arguments:
        url = parse(text)
        found = _matching(run, url)
        if not found:
            raise CommandFailure(f"No URLs matched: {text}")
        for each in found:
            place = Url(each["bucket"], each["name"])
            if run.has("-h"):
                sys.stdout.write(f"==> {place} <==\n")
            sys.stdout.flush()
            run.storage.read(place, sys.stdout.buffer, f"bytes={part}" if part else None)
            sys.stdout.buffer.flush()
    return 0


def _matching(run: Invocation, url: Url) -> list[dict[str, Any]]:
    try:
        if url.has_wildcard:
            return list(run.storage.match(url))
        exact = run.storage.find(url) if url.name else None
        if exact is None:
            run.storage.bucket(url.bucket)
        return [exact] if exact else []
    except HttpError as error:
        if error.code == 404:
            raise BucketNotFound(str(Url(url.bucket))) from None
        raise


@command("du", "achse:X:", "gsutil du url...", least=0)
def du(run: Invocation) -> int:
    grand = 0
    for text in run.arguments or [f"gs://{bucket['name']}" for bucket in run.storage.buckets()]:
        for size, name in disk_usage(run.storage, parse(text), is_summary=run.has("-s")):
            sys.stdout.write(f"{readable(size) if run.has('-h') else size:<11}  {name}\n")
            grand += 0 if name.endswith("/") and not run.has("-s") else size
    if run.has("-c"):
        sys.stdout.write(f"{readable(grand) if run.has('-h') else grand:<11}  total\n")
    return 0


@command("stat", "", "gsutil stat url...")
def stat(run: Invocation) -> int:
    status = 0
    for text in run.arguments:
        found = _matching(run, parse(text))
        if not found:
            sys.stderr.write(f"No URLs matched: {text}\n")
            status = 1
        for each in found:
            sys.stdout.write(_stat(each) + "\n")
    return status


def _rows(item: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        ("Creation time", http_date(item["timeCreated"])),
        ("Update time", http_date(item["updated"])),
        ("Storage class", item.get("storageClass")),
        ("Cache-Control", item.get("cacheControl")),
        ("Content-Encoding", item.get("contentEncoding")),
        ("Content-Length", item["size"]),
        ("Content-Type", item.get("contentType")),
        ("Hash (crc32c)", item.get("crc32c")),
        ("Hash (md5)", item.get("md5Hash")),
        ("ETag", item.get("etag")),
        ("Generation", item["generation"]),
        ("Metageneration", item["metageneration"]),
    ]


def _stat(item: dict[str, Any]) -> str:
    rows = [f"    {name + ':':<24}{value}" for name, value in _rows(item) if value is not None]
    return "\n".join([f"{address(item)}:", *rows])


def _full(item: dict[str, Any]) -> str:
    from cloud.stand_ins.gcloud.storage_resources import acl_entry

    acl = json.dumps([acl_entry(each) for each in item.get("acl", ())], indent=2, sort_keys=True)
    return _stat(item) + ("\n    ACL:                    " + acl if item.get("acl") else "")


@command("hash", "chm", "gsutil hash [-c] [-h] [-m] filename...")
def hashes(run: Invocation) -> int:
    for text in run.arguments:
        if text.startswith("gs://"):
            for each in _matching(run, parse(text)):
                sys.stdout.write(_hashes(address(each), each["crc32c"], each.get("md5Hash", "")))
        elif Path(text).is_file():
            sys.stdout.write(_hashes(text, crc32c(Path(text)), md5(Path(text))))
        else:
            raise CommandFailure(f'No files matched: "{text}"')
    return 0


def _hashes(name: str, crc: str, digest: str) -> str:
    return f"Hashes [base64] for {name}:\n\tHash (crc32c):\t\t{crc}\n\tHash (md5):\t\t{digest}\n"
