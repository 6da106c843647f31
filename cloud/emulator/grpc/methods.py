"""The methods that Google's APIs have over gRPC, with their messages and what they are over REST.

``methods.json`` and ``messages.binpb`` are made from Google's own client libraries by ``docs/grpc_methods.py``.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message


@dataclass(frozen=True, slots=True)
class HttpRule:
    """How a method is requested over REST: https://cloud.google.com/endpoints/docs/grpc/transcoding."""

    verb: str
    """``post``"""
    uri: str
    """``/v1/{parent=projects/*/locations/*}/customJobs``"""
    body: str | None
    """The field of the request that is the body; ``*`` for all that the path does not have; None for no body."""


@dataclass(frozen=True, slots=True)
class Method:
    request: type[Message]
    response: type[Message]
    rules: tuple[HttpRule, ...]
    """The first that fits a request applies."""


@functools.cache
def pool() -> descriptor_pool.DescriptorPool:
    """All messages. A pool of its own: a program in this process may have other versions of Google's libraries."""
    loaded = descriptor_pool.DescriptorPool()
    messages = descriptor_pb2.FileDescriptorSet.FromString(_read("messages.binpb"))
    for file in messages.file:
        loaded.AddSerializedFile(file.SerializeToString())
    return loaded


@functools.lru_cache(maxsize=2000)  # clients choose the paths
def find(path: str) -> Method | None:
    """The method at ``path``, ``/google.cloud.aiplatform.v1.JobService/CreateCustomJob``; None if it is not known."""
    found = _methods().get(path)
    if found is None:
        return None
    rules = tuple(HttpRule(rule["method"], rule["uri"], rule.get("body")) for rule in found["http"])
    return Method(message(found["request"]), message(found["response"]), rules)


def message(name: str) -> type[Message]:
    """The class of the message ``name``, ``google.rpc.Status``."""
    found: type[Message] = message_factory.GetMessageClass(pool().FindMessageTypeByName(name))
    return found


@functools.cache
def _methods() -> Mapping[str, Any]:
    methods: Mapping[str, Any] = json.loads(_read("methods.json"))
    return methods


def _read(name: str) -> bytes:
    return resources.files(__package__ or "").joinpath(name).read_bytes()
