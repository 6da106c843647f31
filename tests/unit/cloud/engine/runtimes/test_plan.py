from packaging.requirements import Requirement
from packaging.version import Version

from cloud.engine.runtimes.demands import THE_JOB, Demand
from cloud.engine.runtimes.plan import Plan, read_plan

LINES = """Resolved 3 packages in 12ms
Would install 3 packages
 - numpy==1.26.4
 + numpy==2.1.0
 + Fare_Tables==1.0
 + lib==1.0 (from https://****@host/lib-1.0-py3-none-any.whl)
 + other @ https://host/other-1.0-py3-none-any.whl"""


def test_what_is_installed_and_replaced() -> None:
    demand = Demand(Requirement("lib @ https://me:secret@host/lib-1.0-py3-none-any.whl"), THE_JOB)

    plan = read_plan(LINES.splitlines(), [demand])

    assert plan == Plan(
        (
            "numpy==2.1.0",
            "Fare_Tables==1.0",
            "lib @ https://me:secret@host/lib-1.0-py3-none-any.whl",
            "other @ https://host/other-1.0-py3-none-any.whl",
        ),
        ("numpy==1.26.4",),
    )
    assert plan.versions == {"numpy": Version("2.1.0"), "fare-tables": Version("1.0")}
