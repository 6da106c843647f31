"""``gcloud storage buckets``."""

import argparse
from typing import Any

from cloud.stand_ins.failures import Failure, HttpError, TaskFailure
from cloud.stand_ins.gcloud import policies, storage_resources
from cloud.stand_ins.gcloud.commands import comma_dict, command, flag, switch
from cloud.stand_ins.gcloud.invocation import Invocation
from cloud.stand_ins.urls import Url, parse

_URLS = flag("URLS", nargs="+", metavar="URL")
_SHOWN_POLICY = ("bindings", "etag")


@command(
    "storage buckets create",
    _URLS,
    flag("--location", "-l"),
    flag("--default-storage-class", "-c", "-s"),
    switch("--uniform-bucket-level-access", "-b"),
    switch("--public-access-prevention"),
    flag("--placement"),
    flag("--soft-delete-duration"),
    switch("--enable-hierarchical-namespace"),
    shows="none",
)
def create(run: Invocation, flags: argparse.Namespace) -> None:
    if flags.enable_hierarchical_namespace:
        raise Failure("--enable-hierarchical-namespace is not emulated here", status=2)
    for text in flags.URLS:
        bucket = _bucket(text)
        body: dict[str, Any] = {"name": bucket}
        if flags.location:
            body["location"] = flags.location.upper()
        if flags.default_storage_class:
            body["storageClass"] = flags.default_storage_class.upper()
        access: dict[str, Any] = {}
        if flags.uniform_bucket_level_access is not None:
            access["uniformBucketLevelAccess"] = {"enabled": flags.uniform_bucket_level_access}
        if flags.public_access_prevention:
            access["publicAccessPrevention"] = "enforced"
        if access:
            body["iamConfiguration"] = access
        run.say(f"Creating gs://{bucket}/...")
        run.storage.create_bucket(body, run.project)


@command(
    "storage buckets list",
    flag("URLS", nargs="*", metavar="URL"),
    flag("--raw", action="store_true"),
    shows="yaml",
    lists=True,
)
def list_buckets(run: Invocation, flags: argparse.Namespace) -> list[Any]:
    run.configuration.project  # noqa: B018 - it is needed
    patterns = [parse(text).bucket for text in flags.URLS] or ["*"]
    found = [bucket for pattern in patterns for bucket in run.storage.match_buckets(pattern)]
    return [bucket if flags.raw else storage_resources.of_bucket(bucket) for bucket in found]


@command("storage buckets describe", flag("URL"), flag("--raw", action="store_true"))
def describe(run: Invocation, flags: argparse.Namespace) -> Any:
    found = _found(run, flags.URL)
    return found if flags.raw else storage_resources.of_bucket(found)


def _found(run: Invocation, text: str) -> dict[str, Any]:
    bucket = _bucket(text)
    try:
        return run.storage.bucket(bucket)
    except HttpError as error:
        if error.code == 404:
            raise Failure(f"gs://{bucket} not found: 404.") from None
        raise


@command("storage buckets delete", _URLS, flag("--continue-on-error", "-c", action="store_true"), shows="none")
def delete(run: Invocation, flags: argparse.Namespace) -> None:
    for text in flags.URLS:
        bucket = _bucket(text)
        _found(run, text)
        run.say(f"  \nRemoving gs://{bucket}/...")
        try:
            run.storage.delete_bucket(bucket)
        except HttpError as error:
            if error.code != 409:
                raise
            raise TaskFailure(
                "Bucket is not empty. To delete all objects and then delete bucket, use: gcloud storage rm -r"
            ) from None
        run.say("")


@command(
    "storage buckets update",
    _URLS,
    switch("--uniform-bucket-level-access"),
    switch("--public-access-prevention"),
    switch("--versioning"),
    flag("--lifecycle-file"),
    flag("--update-labels", type=comma_dict),
    flag("--default-storage-class"),
    shows="none",
)
def update(run: Invocation, flags: argparse.Namespace) -> None:
    changes: dict[str, Any] = {}
    access: dict[str, Any] = {}
    if flags.uniform_bucket_level_access is not None:
        access["uniformBucketLevelAccess"] = {"enabled": flags.uniform_bucket_level_access}
    if flags.public_access_prevention is not None:
        access["publicAccessPrevention"] = "enforced" if flags.public_access_prevention else "inherited"
    if access:
        changes["iamConfiguration"] = access
    if flags.versioning is not None:
        changes["versioning"] = {"enabled": flags.versioning}
    if flags.update_labels:
        changes["labels"] = flags.update_labels
    if flags.default_storage_class:
        changes["storageClass"] = flags.default_storage_class.upper()
    if flags.lifecycle_file:
        import json

        from cloud.stand_ins.gcloud.invocation import read_text

        try:
            rules = json.loads(read_text(flags.lifecycle_file))
        except ValueError as error:
            raise Failure(f"[{flags.lifecycle_file}] is no JSON: {error}") from None
        changes["lifecycle"] = rules.get("lifecycle", rules)
    for text in flags.URLS:
        run.say(f"  \nUpdating gs://{_bucket(text)}/...")
        try:
            run.storage.patch_bucket(_bucket(text), changes)
        except HttpError as error:
            raise TaskFailure(f"HTTPError {error.code}: {error.message}") from None
        run.say(".")


@command("storage buckets get-iam-policy", flag("URL"))
def get_policy(run: Invocation, flags: argparse.Namespace) -> Any:
    policy = _policy(run, flags.URL)
    return {name: policy[name] for name in _SHOWN_POLICY if name in policy}


@command("storage buckets add-iam-policy-binding", flag("URL"), *policies.BINDING)
def add_binding(run: Invocation, flags: argparse.Namespace) -> Any:
    policy = policies.with_binding(_policy(run, flags.URL), flags)
    return run.storage.set_policy(_bucket(flags.URL), policy)


@command("storage buckets remove-iam-policy-binding", flag("URL"), *policies.BINDING)
def remove_binding(run: Invocation, flags: argparse.Namespace) -> Any:
    policy = policies.without_binding(_policy(run, flags.URL), flags)
    return run.storage.set_policy(_bucket(flags.URL), policy)


def _policy(run: Invocation, text: str) -> dict[str, Any]:
    try:
        return run.storage.policy(_bucket(text))
    except HttpError as error:
        if error.code == 404:
            raise Failure(f"gs://{_bucket(text)} not found: 404.") from None
        raise


def _bucket(text: str) -> str:
    url: Url = parse(text)
    if url.name.strip("/"):
        raise Failure(f"Expected a bucket, such as gs://bucket, not [{text}]")
    return url.bucket
