"""Cloud Storage of one project: its parts, started and stopped together."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO

from cloud.engine.notifier import Changes
from cloud.engine.project.access import ProjectAccess
from cloud.engine.storage.acls import AccessControls
from cloud.engine.storage.buckets import Buckets
from cloud.engine.storage.copies import Copies
from cloud.engine.storage.database import Records
from cloud.engine.storage.garbage import Garbage
from cloud.engine.storage.guard import Guard, PolicyViolation
from cloud.engine.storage.iam import IamPolicies
from cloud.engine.storage.lifecycle_run import LifecycleRuns
from cloud.engine.storage.media import MediaStore, spool
from cloud.engine.storage.members import Members
from cloud.engine.storage.multipart_records import MultipartRecords
from cloud.engine.storage.multipart_uploads import MultipartUploads
from cloud.engine.storage.objects import Objects
from cloud.engine.storage.pieces import Pieces
from cloud.engine.storage.public.buckets import PublicBuckets
from cloud.engine.storage.server import FakeGcsServer
from cloud.engine.storage.server_watch import INTERVAL, LIMIT
from cloud.engine.storage.uploads import ResumableUploads
from cloud.errors import FailedPrecondition, InvalidArgument
from cloud.settings import IamMode


class StorageService:
    """The service behind the HTTP API. Every method takes the calling principal and enforces its permissions.

    Args:
        state_dir: the service's own folder.
        override: see ``FakeGcsServer``.
        server: for ``state_dir / "media"``, may be starting already; owned by this service.
        project: the project's id, used in policies.
        project_number: used in ACLs and bucket resources.
        iam: how requests that are not allowed are handled.
        access: the roles on the project, which hold for all of its buckets; None: only its owner has any.
        probe_interval, probe_limit: see ``ServerWatch``.
        public: folders that are served as public buckets, by bucket.
        on_violation: called at the first occurrence of each request that strict mode would refuse (``IamMode.SOFT``).
    """

    def __init__(
        self,
        state_dir: Path,
        override: str | None = None,
        *,
        project: str = "local-project",
        project_number: int = 1,
        iam: IamMode = IamMode.STRICT,
        access: ProjectAccess | None = None,
        public: Mapping[str, Path] = MappingProxyType({}),
        on_violation: Callable[[PolicyViolation], None] | None = None,
        server: FakeGcsServer | None = None,
        probe_interval: float = INTERVAL,
        probe_limit: float = LIMIT,
    ) -> None:
        self.project_number = project_number
        self.members = Members(project, project_number)
        self.guard = Guard(iam, on_violation, access)
        self._incoming = state_dir / "incoming"
        self._uploading = state_dir / "uploads"
        self._state_dir = state_dir
        self.server = server or FakeGcsServer(state_dir / "media", override)
        self._media = MediaStore(self.server, probe_interval=probe_interval, probe_limit=probe_limit)
        self._public = PublicBuckets(public)
        self._is_open = False

    async def start(self) -> None:
        """Raises:
        FailedPrecondition: the folder cannot be used, or fake-gcs-server does not start.
        InvalidArgument: ``override`` does not exist, or the project has a bucket that is to be public.
        """
        try:
            for folder in (self._incoming, self._uploading):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FailedPrecondition(f"{self._state_dir} cannot be used: {error}") from error
        self._records = Records(self._state_dir / "storage.sqlite3")
        if taken := [bucket.name for bucket in self._records.buckets() if bucket.name in self._public]:
            self._records.close()
            raise InvalidArgument(f"{taken[0]} is a bucket of the project in this state folder", field="--public")
        self._is_open = True
        self._garbage = Garbage(self._records, self._media)
        multipart = MultipartRecords(self._records)
        self.buckets = Buckets(
            self._records, self._media, self._garbage, self.guard, self.project_number, self._public, multipart
        )
        pieces = Pieces(self._media)
        self.objects = Objects(self._records, pieces, self._garbage, self.guard, self.buckets, self._public)
        self.copies = Copies(self._records, self.buckets, self.objects, pieces, self._garbage, self._public)
        self.lifecycle = LifecycleRuns(self._records, multipart, self._garbage, self.buckets, self.objects)
        self.acls = AccessControls(self._records, self.buckets, self.objects)
        self.iam = IamPolicies(self._records, self.guard, self.buckets, self.objects)
        self.uploads = ResumableUploads(self._records, self.objects, self._uploading)
        self.multipart_uploads = MultipartUploads(multipart, self.objects, self.buckets, pieces, self._garbage)
        try:
            await self.server.start()
            for bucket in self._records.buckets():
                # A crash while it was created may have left it without a folder.
                await self._media.create_bucket(bucket.name)
        except BaseException:
            await self.close()
            raise
        self._garbage.clear_after_crash()
        self.uploads.forget_expired()
        await self.lifecycle.forget_expired()
        self.multipart_uploads.forget_finished()

    def forget_account(self, member: str, gone: str) -> None:
        """Leave the grants on buckets to the deleted account that ``gone`` stands for, as in every policy of Google's.

        Args:
            member, gone: members of policies.
        """
        self.iam.replace(self.members.entity(member), self.members.entity(gone))

    @property
    def changes(self) -> Changes:
        """Of buckets and objects."""
        return self._records.changes

    def spool(self) -> IO[bytes]:
        """A buffer for an upload; see ``media.spool``."""
        return spool(str(self._incoming))

    async def close(self) -> None:
        """Stop the server. Idempotent."""
        if not self._is_open:
            return
        self._is_open = False
        await self._garbage.wait()
        await self._media.close()
        await self.server.close()
        self._records.close()
