"""Cloud Storage of one project: the parts put together, brought up and taken down."""

from collections.abc import Callable
from pathlib import Path
from typing import IO

from cloud.engine.storage.acls import AccessControls
from cloud.engine.storage.buckets import Buckets
from cloud.engine.storage.garbage import Debris
from cloud.engine.storage.guard import Guard, PolicyViolation
from cloud.engine.storage.iam import IamPolicies
from cloud.engine.storage.media import MediaStore, spool
from cloud.engine.storage.members import Members
from cloud.engine.storage.objects import Objects
from cloud.engine.storage.records import Records
from cloud.engine.storage.server import FakeGcsServer
from cloud.engine.storage.uploads import ResumableUploads
from cloud.errors import FailedPrecondition
from cloud.settings import IamMode


class StorageService:
    """What the HTTP dialect speaks to. Every verb takes who asks and refuses what that one may not do.

    Args:
        state_dir: where everything is kept; of this service alone.
        override: see ``FakeGcsServer``.
        server: one that has begun to start, for ``state_dir / "media"``; this service's from now on.
        project: the project's id, as it appears in policies.
        project_number: as it appears in access control lists and bucket resources.
        iam: what becomes of requests that nobody has allowed.
        on_lapse: is told, the first time, of each that passed in spite of that (``IamMode.SOFT``).
    """

    def __init__(
        self,
        state_dir: Path,
        override: str | None = None,
        *,
        project: str = "local-project",
        project_number: int = 1,
        iam: IamMode = IamMode.STRICT,
        on_lapse: Callable[[PolicyViolation], None] | None = None,
        server: FakeGcsServer | None = None,
    ) -> None:
        self.project_number = project_number
        self.members = Members(project, project_number)
        self.guard = Guard(iam, on_lapse)
        self._incoming = state_dir / "incoming"
        self._uploading = state_dir / "uploads"
        self._state_dir = state_dir
        self.server = server or FakeGcsServer(state_dir / "media", override)
        self._media = MediaStore(self.server)
        self._is_open = False

    async def start(self) -> None:
        """Raises:
        FailedPrecondition: the folder cannot be used, or fake-gcs-server does not start.
        InvalidArgument: ``override`` names nothing.
        """
        try:
            for folder in (self._incoming, self._uploading):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FailedPrecondition(f"{self._state_dir} cannot be used: {error}") from error
        self._records = Records(self._state_dir / "storage.sqlite3")
        self._is_open = True
        self._debris = Debris(self._records, self._media)
        self.buckets = Buckets(self._records, self._media, self._debris, self.guard, self.project_number)
        self.objects = Objects(self._records, self._media, self._debris, self.guard, self.buckets)
        self.acls = AccessControls(self._records, self.buckets, self.objects)
        self.iam = IamPolicies(self._records, self.guard, self.buckets, self.objects)
        self.uploads = ResumableUploads(self._records, self.objects, self._uploading)
        try:
            await self.server.start()
            for bucket in self._records.buckets():
                # One whose making was cut short by a crash has no folder yet.
                await self._media.make_bucket(bucket.name)
        except BaseException:
            await self.close()
            raise
        self._debris.clear_what_a_crash_left()
        self.uploads.forget_expired()

    def spool(self) -> IO[bytes]:
        """Room for the bytes of an upload; see ``media.spool``."""
        return spool(str(self._incoming))

    async def close(self) -> None:
        """End the server. May be called twice."""
        if not self._is_open:
            return
        self._is_open = False
        await self._debris.settle()
        await self._media.close()
        await self.server.close()
        self._records.close()
