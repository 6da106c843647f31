import pytest
from google.rpc.code_pb2 import Code

from cloud.errors import BY_CODE, BY_HTTP_STATUS, BY_NUMBER, AlreadyExists, CloudError, InvalidArgument

KINDS = [kind for kind in CloudError.__subclasses__() if kind.__module__ == "cloud.errors"]


@pytest.mark.parametrize("kind", [CloudError, *KINDS])
def test_numbers_are_googles(kind: type[CloudError]) -> None:
    assert Code.Value(kind.code) == kind.number


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_found_by_its_code_and_number(kind: type[CloudError]) -> None:
    assert BY_CODE[kind.code] is BY_NUMBER[kind.number] is kind
    assert BY_HTTP_STATUS[kind.http_status].http_status == kind.http_status


def test_a_status_that_two_kinds_share_means_the_more_common_one() -> None:
    assert (BY_HTTP_STATUS[400], BY_HTTP_STATUS[409]) == (InvalidArgument, AlreadyExists)


def test_codes_without_a_kind_of_their_own() -> None:
    assert BY_CODE["OUT_OF_RANGE"] is BY_NUMBER[Code.Value("OUT_OF_RANGE")] is InvalidArgument
