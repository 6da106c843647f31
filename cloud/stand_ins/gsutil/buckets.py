"""``gsutil mb`` and the settings of buckets and objects."""

import json
import sys
from pathlib import Path
from typing import Any

from cloud.stand_ins.failures import HttpError
from cloud.stand_ins.gsutil.commands import CommandFailure, Invocation, command
from cloud.stand_ins.listing import BucketNotFound
from cloud.stand_ins.urls import Url, parse


@command("mb", "b:c:l:p:s:k:", "gsutil mb [-b (on|off)] [-c class] [-l location] [-p proj_id] gs://<bucket_name>...")
def mb(run: Invocation) -> int:
    for text in run.arguments:
        url = parse(text)
        if url.name.strip("/"):
            raise CommandFailure(f'The mb command requires a URL that specifies a bucket.\n"{text}" is not valid.')
        body: dict[str, Any] = {"name": url.bucket}
        if location := run.value("-l"):
            body["location"] = location.upper()
        if storage_class := run.value("-c", "-s"):
            body["storageClass"] = storage_class.upper()
        if uniform := run.value("-b"):
            body["iamConfiguration"] = {"uniformBucketLevelAccess": {"enabled": uniform == "on"}}
        run.say(f"Creating {url}/...")
        try:
            run.storage.create_bucket(body, run.value("-p"))
        except HttpError as error:
            if error.code != 409:
                raise
            sys.stderr.write(
                f"ServiceException: 409 A Cloud Storage bucket named '{url.bucket}' already exists. Try another name. "
                "Bucket names must be globally unique across all Google Cloud projects, including those outside of "
                "your organization.\n"
            )
            return 1
    return 0


def _patch(run: Invocation, text: str, changes: dict[str, Any]) -> None:
    try:
        run.storage.patch_bucket(parse(text).bucket, changes)
    except HttpError as error:
        if error.code == 404:
            raise BucketNotFound(str(Url(parse(text).bucket))) from None
        raise


def _bucket(run: Invocation, text: str) -> dict[str, Any]:
    try:
        return run.storage.bucket(parse(text).bucket)
    except HttpError as error:
        if error.code == 404:
            raise BucketNotFound(str(Url(parse(text).bucket))) from None
        raise


@command(
    "versioning", "", "gsutil versioning set (on|off) gs://<bucket_name>...\ngsutil versioning get gs://…", least=2
)
def versioning(run: Invocation) -> int:
    verb, *rest = run.arguments
    if verb == "get":
        for text in rest:
            is_on = _bucket(run, text).get("versioning", {}).get("enabled")
            sys.stdout.write(f"{Url(parse(text).bucket)}: {'Enabled' if is_on else 'Suspended'}\n")
        return 0
    state, *texts = rest
    if verb != "set" or state not in ("on", "off"):
        raise CommandFailure(f'Invalid subcommand "{verb}" for the versioning command.')
    for text in texts:
        run.say(f"{'Enabling' if state == 'on' else 'Suspending'} versioning for {Url(parse(text).bucket)}/...")
        _patch(run, text, {"versioning": {"enabled": state == "on"}})
    return 0


@command("lifecycle", "", "gsutil lifecycle get url\ngsutil lifecycle set config-json-file url...", least=2)
def lifecycle(run: Invocation) -> int:
    verb, *rest = run.arguments
    if verb == "get":
        found = _bucket(run, rest[0]).get("lifecycle")
        text = f"{rest[0]} has no lifecycle configuration." if not found else json.dumps(found)
        sys.stdout.write(f"{text}\n")
        return 0
    if verb != "set" or len(rest) < 2:
        raise CommandFailure(f'Invalid subcommand "{verb}" for the lifecycle command.')
    try:
        rules = json.loads(Path(rest[0]).read_text())
    except (OSError, ValueError) as error:
        raise CommandFailure(f"{rest[0]} is no JSON file: {error}") from None
    for text in rest[1:]:
        run.say(f"Setting lifecycle configuration on {Url(parse(text).bucket)}/...")
        _patch(run, text, {"lifecycle": rules.get("lifecycle", rules)})
    return 0


@command("label", "l:d:", "gsutil label get bucket\ngsutil label ch [-l label] [-d label] bucket...", least=2)
def label(run: Invocation) -> int:
    verb, *rest = run.arguments
    if verb == "get":
        found = _bucket(run, rest[0]).get("labels")
        text = f"{rest[0]} has no label configuration." if not found else json.dumps(found, indent=2, sort_keys=True)
        sys.stdout.write(f"{text}\n")
        return 0
    import getopt

    options, texts = getopt.getopt(rest, "l:d:")
    changes: dict[str, Any] = {}
    for name, value in options:
        key, _, text = value.partition(":")
        changes[key] = text if name == "-l" else None
    for text in texts:
        run.say(f"Setting label configuration on {Url(parse(text).bucket)}/...")
        _patch(run, text, {"labels": changes})
    return 0


@command("ubla", "", "gsutil ubla set (on|off) gs://<bucket_name>...\ngsutil ubla get gs://…", least=2)
def ubla(run: Invocation) -> int:
    verb, *rest = run.arguments
    if verb == "get":
        for text in rest:
            found = _bucket(run, text).get("iamConfiguration", {}).get("uniformBucketLevelAccess", {})
            sys.stdout.write(
                f"Uniform bucket-level access setting for {Url(parse(text).bucket)}:\n"
                f"  Enabled: {bool(found.get('enabled'))}\n"
            )
        return 0
    state, *texts = rest
    for text in texts:
        run.say(
            f"{'Enabling' if state == 'on' else 'Disabling'} uniform bucket-level access for "
            f"{Url(parse(text).bucket)}/..."
        )
        _patch(run, text, {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": state == "on"}}})
    return 0


@command("setmeta", "h:rR", "gsutil setmeta -h [header:value|header] ... url...")
def setmeta(run: Invocation) -> int:
    names = {"content-type": "contentType", "cache-control": "cacheControl", "content-encoding": "contentEncoding"}
    changes: dict[str, Any] = {}
    for option, text in run.options:
        if option != "-h":
            continue
        name, _, value = text.partition(":")
        if name.lower().startswith("x-goog-meta-"):
            changes.setdefault("metadata", {})[name[12:]] = value or None
        elif name.lower() in names:
            changes[names[name.lower()]] = value or None
        else:
            raise CommandFailure(f"Invalid or disallowed header ({name}).")
    for text in run.arguments:
        url = parse(text)
        found = list(run.storage.match(url)) if url.has_wildcard else [run.storage.get(url)]
        for each in found:
            place = Url(each["bucket"], each["name"])
            run.say(f"Setting metadata on {place}...")
            run.storage.patch(place, changes)
    return 0


@command("compose", "", "gsutil compose gs://bucket/obj1 [gs://bucket/obj2 ...] gs://bucket/composite", least=2)
def compose(run: Invocation) -> int:
    *sources, target = run.arguments
    run.say(f"Composing {target} from {len(sources)} component object(s).")
    run.storage.compose([parse(text) for text in sources], parse(target))
    return 0
