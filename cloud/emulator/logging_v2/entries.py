"""``logging.entries.*`` over any backend's jobs."""

from cloud.backends.base import Backend
from cloud.emulator.logging_v2.messages import read_query
from cloud.emulator.logging_v2.pages import JobIds, read_page
from cloud.emulator.rest.call import Call
from cloud.resources import Json


class EntryMethods:
    def __init__(self, backend: Backend, number: int) -> None:
        self._backend, self._number = backend, number
        self._job_ids = JobIds(backend)

    async def list(self, call: Call) -> Json:
        query = read_query(call.body, self._backend.project, self._number)
        page, more = await read_page(self._backend, self._job_ids, query)
        answer: dict[str, Json] = {"entries": page} if page else {}
        return answer | ({"nextPageToken": query.token(page[-1])} if more else {})
