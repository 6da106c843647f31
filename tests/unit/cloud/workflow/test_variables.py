import pytest

from cloud.errors import InvalidArgument
from cloud.workflow.variables import check_variables, parse_variables


def test_a_variable_is_its_name_and_all_that_follows_the_first_equals_sign() -> None:
    assert parse_variables(["A=b=c ", "_x1=", "A=d"]) == {"A": "d", "_x1": ""}


@pytest.mark.parametrize("text", ["A", "=b", "1A=b", "A B=c", "A-B=c", "é=c", "A=\0", ""])
def test_what_is_no_variable_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_variables([text])
    assert caught.value.field == "--env"


@pytest.mark.parametrize(
    "name", ["TF_CONFIG", "CLUSTER_SPEC", "CLOUD_ML_JOB_ID", "AIP_MODEL_DIR", "HOME", "TMPDIR", "https_proxy",
             "GOOGLE_APPLICATION_CREDENTIALS", "GCE_METADATA_HOST", "SSL_CERT_FILE"],
)  # fmt: skip
def test_a_variable_that_the_platform_sets_is_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidArgument, match=f"{name} .*leave it out"):
        check_variables({"OTHER": "1", name: "x"})
