"""The backend that APIs are tested over."""

from typing import Any

from cloud.backends.memory import MemoryBackend

OBJECTS = {"gs://bucket/export/saved_model.pb": b"", "gs://bucket/out/model/saved_model.pb": b""}


def memory_backend(**options: Any) -> MemoryBackend:
    """With two SavedModels in its storage."""
    return MemoryBackend(objects=OBJECTS, **options)
