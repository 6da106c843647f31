from cloud.engine.serving.session import IN_CALLER, SHARED
from cloud.wire.protobuf import fields, signed


def test_threads_as_the_configuration_of_a_session():
    def numbers(config: bytes) -> dict[int, int]:
        return {number: signed(value) for number, value in fields(config) if isinstance(value, int)}

    assert numbers(IN_CALLER.as_config()) == {2: 1, 5: -1, 7: 1}
    assert numbers(SHARED.as_config()) == {2: 0, 5: 0, 7: 1}
