"""Performing what the lifecycle of buckets has due: at a cloud's start, and by a request of this emulator's own.

Google performs it by itself within a day or so. Here nothing goes without being asked for: ``POST
/_cloud/lifecycle/BUCKET`` at the owner's address does what is due at that moment.
"""

import logging
import re
from dataclasses import asdict
from urllib.parse import unquote

from aiohttp import web

from cloud.emulator.rest.responses import json_answer
from cloud.emulator.storage_v1.lifecycle import rules_from_json
from cloud.engine.principal import Principal
from cloud.engine.storage.service import StorageService
from cloud.errors import CloudError, NotFound

log = logging.getLogger(__name__)

PATHS = r"/_cloud/lifecycle/[^/]+"
"""No bucket's name begins with a low line."""


class LifecycleRequests:
    def __init__(self, storage: StorageService) -> None:
        self._storage = storage

    def method_id(self, _request: web.Request) -> str:
        return "cloud.lifecycle.run"

    async def handle(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        """Perform the rules of one bucket; answers with the numbers of ``LifecycleReport``.

        Raises:
            NotFound: no such bucket, or another method than POST.
            PermissionDenied: ``principal`` may not update the bucket.
        """
        if request.method != "POST" or principal.is_web_page:
            raise NotFound(f"Not Found: {request.method} {request.path[:300]}")
        name = unquote(re.sub(r".*/", "", request.rel_url.raw_path))
        bucket = self._storage.buckets.find(principal, "storage.buckets.update", name)
        rules = rules_from_json(bucket.settings.get("lifecycle"))
        return json_answer(asdict(await self._storage.lifecycle.run(principal, name, rules)), {})


async def run_at_start(storage: StorageService, owner: Principal) -> None:
    """Perform the rules of all buckets of the project."""
    for bucket in storage.buckets.list_all(owner):
        if bucket.settings.get("lifecycle"):
            try:
                await storage.lifecycle.run(owner, bucket.name, rules_from_json(bucket.settings["lifecycle"]))
            except CloudError as error:  # among others, a rule that an earlier version took
                log.warning("the lifecycle of bucket %s is not performed: %s", bucket.name, error)
