from dataclasses import replace

import pytest

from cloud.emulator.rest.operations import Operations, rpc_status
from cloud.errors import CloudError, NotFound


def test_operations_are_kept_with_their_end(tmp_path):
    operations = Operations(tmp_path / "operations.sqlite")
    first = operations.begin("create_m_v-", 7, {"a": 1})
    second = operations.begin("create_m_v-", 7, {})
    assert [first.name, second.name] == ["create_m_v-7", "create_m_v-8"]
    operations.update(replace(first, response={}))
    operations.close()
    operations = Operations(tmp_path / "operations.sqlite")
    assert [operation.name for operation in operations.all()] == ["create_m_v-8", "create_m_v-7"]
    assert [operation.name for operation in operations.unfinished()] == ["create_m_v-8"]
    assert operations.get("create_m_v-7") == replace(first, response={})
    assert operations.get("create_m_v-7").is_done
    with pytest.raises(NotFound):
        operations.get("create_m_v-9")
    operations.close()


KINDS = [CloudError, *(kind for kind in CloudError.__subclasses__() if kind.__module__ == "cloud.errors")]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_a_code(kind):
    status = rpc_status(kind("what"))
    assert status["message"] == "what"
    assert 0 < status["code"] < 17
