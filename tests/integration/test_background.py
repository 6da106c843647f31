from cloud.server.thread import BackgroundCloud
from cloud.settings import LauncherKind, Settings


async def test_it_works_where_an_event_loop_is_running_as_in_a_notebook() -> None:
    with BackgroundCloud(Settings(launcher=LauncherKind.COLD)) as cloud:
        assert await cloud.backend.list_buckets() == []
        assert cloud.run(cloud.backend.list_buckets()) == []
