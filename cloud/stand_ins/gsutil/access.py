"""``gsutil acl``, ``defacl`` and ``iam``: who may read and write buckets and objects.

https://cloud.google.com/storage/docs/gsutil/commands/acl, …/commands/iam.
"""

import getopt
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloud.stand_ins.failures import HttpError
from cloud.stand_ins.gsutil.commands import CommandFailure, Invocation, WorkerFailure, command
from cloud.stand_ins.listing import BucketNotFound
from cloud.stand_ins.objects import bucket_path, object_path
from cloud.stand_ins.urls import Url, has_wildcard, parse

_ROLES = {
    **dict.fromkeys(("R", "READ", "READER"), "READER"),
    **dict.fromkeys(("W", "WRITE", "WRITER"), "WRITER"),
    **dict.fromkeys(("O", "OWNER", "FC", "FULL_CONTROL"), "OWNER"),
}
_PUBLIC = {"AllUsers": "allUsers", "AllAuthenticatedUsers": "allAuthenticatedUsers", "All": "allUsers"}
_RANK = ("READER", "WRITER", "OWNER")
_SHOWN = ("email", "entity", "projectTeam", "role")


@command(
    "acl",
    "",
    "gsutil acl set [-f] [-r] [-a] <file-or-canned_acl_name> url...\ngsutil acl get url\n"
    "gsutil acl ch [-f] [-r] <grant>... url...",
    least=2,
)
def acl(run: Invocation) -> int:
    return _run(run, "acl", is_default=False)


@command(
    "defacl",
    "",
    "gsutil defacl set <file-or-canned_acl_name> gs://<bucket_name>...\ngsutil defacl get url\n"
    "gsutil defacl ch [-f] <grant>... gs://<bucket_name>...",
    least=2,
)
def defacl(run: Invocation) -> int:
    return _run(run, "defacl", is_default=True)


def _run(run: Invocation, name: str, *, is_default: bool) -> int:
    verb, *rest = run.arguments
    if verb == "get":
        return _get(run, rest[0], is_default=is_default)
    if verb == "ch":
        return _change(run, rest, is_default=is_default)
    if verb == "set":
        return _set(run, rest, is_default=is_default)
    raise CommandFailure(f'Invalid subcommand "{verb}" for the {name} command.\nSee "gsutil help {name}".')


def _get(run: Invocation, text: str, *, is_default: bool) -> int:
    url = parse(text)
    entries = _entries(run, url, is_default=is_default)
    shown = [{name: each[name] for name in _SHOWN if name in each} for each in entries]
    sys.stdout.write(json.dumps(shown, indent=2, sort_keys=True) + "\n")
    return 0


def _lists_path(url: Url, *, is_default: bool) -> str:
    if is_default:
        return f"{bucket_path(url.bucket)}/defaultObjectAcl"
    return f"{object_path(url) if url.name else bucket_path(url.bucket)}/acl"


def _entries(run: Invocation, url: Url, *, is_default: bool) -> list[dict[str, Any]]:
    try:
        found = run.storage.call("GET", _lists_path(url, is_default=is_default))
    except HttpError as error:
        if error.code == 404 and not url.name:
            raise BucketNotFound(str(url)) from None
        if error.code == 404:
            raise CommandFailure(f"No URLs matched: {url}") from None
        raise
    entries: list[dict[str, Any]] = found.get("items", [])
    return entries


# ---------------------------------------------------------------- changes


def _change(run: Invocation, arguments: list[str], *, is_default: bool) -> int:
    try:
        options, texts = getopt.getopt(arguments, "afg:p:rRu:d:")
    except getopt.GetoptError as error:
        raise CommandFailure(f'Incorrect option(s) specified: "{error.opt}".') from None
    if not texts and options:
        raise CommandFailure("The ch command requires at least one URL.")
    changes = [_parse_change(name, value) for name, value in options if name in ("-u", "-g", "-p", "-d")]
    if not changes:
        raise CommandFailure(
            'Please specify at least one access change with the -g, -u, or -d flags. See "gsutil help acl ch".'
        )
    recursive = any(name in ("-r", "-R") for name, _ in options)
    for text in texts:
        for url in _targets(run, text, recursive=recursive, is_default=is_default):
            _apply(run, url, changes, is_default=is_default)
    return 0


Change = tuple[str, str | None]
"""An entity, and its role; None takes all roles away."""


def _parse_change(option: str, text: str) -> Change:
    if option == "-d":
        return _entity(text, "user"), None
    who, colon, permission = text.rpartition(":")
    if not colon or not who:
        raise CommandFailure(
            f"{text} is not a valid ACL change\nAccess changes should be of the form <id>:<permission>"
        )
    role = _ROLES.get(permission.upper())
    if role is None:
        raise CommandFailure(f'"{permission}" is not a valid permission: use R, W or O.')
    if option == "-p":
        team, _, project = who.partition("-")
        return f"project-{team}-{project}", role
    return _entity(who, "group" if option == "-g" else "user"), role


def _entity(who: str, kind: str) -> str:
    for name, entity in _PUBLIC.items():
        if who.lower() in (name.lower(), entity.lower()):
            return entity
    if re.match(r"(user|group|domain|project)-", who):
        return who
    if "@" not in who and kind == "group":
        return f"domain-{who}"
    return f"{kind}-{who}"


def _targets(run: Invocation, text: str, *, recursive: bool, is_default: bool) -> list[Url]:
    url = parse(text)
    if is_default or (not url.name and not recursive):
        return [url]
    try:
        if recursive:
            prefix = url.name.rstrip("/")
            pattern = Url(url.bucket, f"{prefix}/**" if prefix and not has_wildcard(prefix) else prefix or "**")
            found = list(run.storage.match(pattern))
            if not found and prefix:
                found = [each] if (each := run.storage.find(url)) else []
            if not found:
                shown = f"No URLs matched: {url}{'' if url.name else '/*'}"
                if run.is_parallel:
                    raise WorkerFailure(shown)
                raise CommandFailure(shown)
        elif url.has_wildcard:
            found = list(run.storage.match(url))
        else:
            return [url]
    except HttpError as error:
        if error.code == 404:
            raise BucketNotFound(str(Url(url.bucket))) from None
        raise
    if not found:
        raise CommandFailure(f"No URLs matched: {text}")
    return [Url(each["bucket"], each["name"]) for each in found]


def _apply(run: Invocation, url: Url, changes: list[Change], *, is_default: bool) -> None:
    held = {each["entity"]: each["role"] for each in _entries(run, url, is_default=is_default)}
    path, is_changed = _lists_path(url, is_default=is_default), False
    for entity, role in changes:
        if role is None:
            if entity in held:
                run.storage.call("DELETE", f"{path}/{entity}")
                is_changed = True
            continue
        if entity in held and _RANK.index(held[entity]) >= _RANK.index(role):
            continue
        run.storage.call("POST", path, None, {"entity": entity, "role": role})
        is_changed = True
    shown = f"{url}/" if not url.name else str(url)
    kind = "default ACL" if is_default else "ACL"
    run.say(f"Updated {kind} on {shown}" if is_changed else f"No changes to {shown}")


_CANNED = {
    "private": "private",
    "public-read": "publicRead",
    "public-read-write": "publicReadWrite",
    "project-private": "projectPrivate",
    "authenticated-read": "authenticatedRead",
    "bucket-owner-read": "bucketOwnerRead",
    "bucket-owner-full-control": "bucketOwnerFullControl",
}


def _set(run: Invocation, arguments: list[str], *, is_default: bool) -> int:
    options, rest = getopt.getopt(arguments, "afrR")
    if len(rest) < 2:
        raise CommandFailure("The set subcommand requires an ACL and at least one URL.")
    given, *texts = rest
    names = {name for name, _ in options}
    for text in texts:
        for url in _targets(run, text, recursive=bool(names & {"-r", "-R"}), is_default=is_default):
            run.say(f"Setting {'default ' if is_default else ''}ACL on {url}{'' if url.name else '/'}...")
            path = object_path(url) if url.name and not is_default else bucket_path(url.bucket)
            if given in _CANNED:
                query = {"predefinedDefaultObjectAcl" if is_default else "predefinedAcl": _CANNED[given]}
                run.storage.call("PATCH", path, query, {})
                continue
            entries = _read_json(given)
            run.storage.call("PATCH", path, None, {"defaultObjectAcl" if is_default else "acl": entries})
    return 0


def _read_json(path: str) -> Any:
    try:
        return json.loads(Path(path).read_text())
    except (OSError, ValueError):
        raise CommandFailure(f'Invalid canned ACL or file: "{path}".') from None


# ---------------------------------------------------------------- iam


@command(
    "iam",
    "",
    "gsutil iam set [-a] [-f] [-r] [-e <etag>] file url ...\ngsutil iam get url\n"
    "gsutil iam ch [-f] [-r] binding ... url ...",
    least=2,
)
def iam(run: Invocation) -> int:
    verb, *rest = run.arguments
    verbs: dict[str, Callable[[Invocation, list[str]], int]] = {"get": _iam_get, "ch": _iam_change, "set": _iam_set}
    if verb not in verbs:
        raise CommandFailure(f'Invalid subcommand "{verb}" for the iam command.\nSee "gsutil help iam".')
    return verbs[verb](run, rest)


def _iam_get(run: Invocation, texts: list[str]) -> int:
    policy = _policy(run, texts[0])
    shown = {name: policy[name] for name in ("bindings", "etag") if name in policy}
    sys.stdout.write(json.dumps(shown, indent=2, sort_keys=True) + "\n")
    return 0


def _policy(run: Invocation, text: str) -> dict[str, Any]:
    url = parse(text)
    if url.name.strip("/"):
        raise CommandFailure("the stand-in of gsutil reads and changes the policies of buckets, not of objects")
    try:
        return run.storage.policy(url.bucket)
    except HttpError as error:
        if error.code == 404:
            raise BucketNotFound(str(url)) from None
        raise


def _iam_change(run: Invocation, arguments: list[str]) -> int:
    added: list[tuple[str, str]] = []
    removed: list[tuple[str, str | None]] = []
    texts: list[str] = []
    index = 0
    while index < len(arguments):
        word = arguments[index]
        index += 1
        if word in ("-f", "-r", "-R"):
            continue
        if word == "-d":
            if index == len(arguments):
                raise CommandFailure("A -d must be followed by a binding.")
            removed += _removals(arguments[index])
            index += 1
        elif word.startswith("gs://"):
            texts.append(word)
        else:
            added += _bindings(word)
    if not texts:
        raise CommandFailure("Must specify at least one bucket or object.")
    if not added and not removed:
        raise CommandFailure("Must specify at least one binding.")
    for text in texts:
        policy = _policy(run, text)
        changed = _with(policy, added, removed)
        if changed == policy:
            run.say(f"No changes made to {parse(text)}/")
        else:
            run.storage.set_policy(parse(text).bucket, changed)
    return 0


def _bindings(text: str) -> list[tuple[str, str]]:
    """``kind:member:role,role`` as pairs of member and role."""
    member, colon, roles = text.rpartition(":")
    if not colon or not roles or (":" not in member and member not in _PUBLIC.values()):
        raise CommandFailure(f"Incorrectly formatted binding: {text}")
    return [(member, _role(role)) for role in roles.split(",")]


def _removals(text: str) -> list[tuple[str, str | None]]:
    if text in _PUBLIC.values() or (text.count(":") == 1 and not text.startswith(tuple(_PUBLIC.values()))):
        return [(text, None)]
    return list(_bindings(text))


def _role(text: str) -> str:
    if text.startswith(("roles/", "projects/", "organizations/")):
        return text
    return f"roles/storage.{text}"


def _with(
    policy: dict[str, Any], added: list[tuple[str, str]], removed: list[tuple[str, str | None]]
) -> dict[str, Any]:
    bindings: dict[str, list[str]] = {each["role"]: list(each["members"]) for each in policy.get("bindings", ())}
    for member, gone in removed:
        for each, members in bindings.items():
            if member in members and gone in (None, each):
                members.remove(member)
    for member, role in added:
        members = bindings.setdefault(role, [])
        if member not in members:
            members.append(member)
    shown = [{"role": role, "members": members} for role, members in bindings.items() if members]
    return {**policy, "bindings": shown}


def _iam_set(run: Invocation, arguments: list[str]) -> int:
    _, rest = getopt.getopt(arguments, "afrRe:")
    if len(rest) < 2:
        raise CommandFailure("The set subcommand requires a file and at least one URL.")
    policy = _read_json(rest[0])
    for text in rest[1:]:
        run.storage.set_policy(parse(text).bucket, policy)
    return 0
