"""``--dry-run``."""

from cloud.errors import Unimplemented
from cloud.gcp_run.options import Options
from cloud.workflow import Plan


async def rehearse(options: Options, plan: Plan, form: str) -> int:
    raise Unimplemented("soon")
