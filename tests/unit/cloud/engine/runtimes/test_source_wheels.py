import pytest
from packaging.specifiers import SpecifierSet

from cloud.engine.runtimes.source_wheels import without_wheel


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Because promise==2.1 has no usable wheels and only the following versions of promise are available: "
            "promise==2.1 promise>2.2 … Because all versions of promise have no usable wheels and tfds>=4.9 depends on "
            "promise, we can conclude",
            [("promise", ""), ("promise", "==2.1")],
        ),
        (
            "Because Old_Only[more]>=1,<=2.3 has no wheels with a matching Python version tag",
            [("old-only", ">=1,<=2.3")],
        ),
        ("Because you require a==1 and a==2, we can conclude", []),
        ("Because odd==*nonsense has no usable wheels", []),
    ],
)
def test_what_uv_says_has_no_wheel(text: str, expected: list[tuple[str, str]]) -> None:
    assert without_wheel(text) == [(name, SpecifierSet(versions)) for name, versions in expected]
