"""Printed before a run on Google's cloud: the findings of the checks, and what will be billed."""

import ast
from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape

from cloud.backends.google.preflight import Finding, Preflight, Verdict
from cloud.backends.google.vertex_models import MACHINE
from cloud.backends.google.vertex_wire import cluster
from cloud.names import GsUri
from cloud.resources import TrainingSpec
from cloud.workflow.google.options import Options
from cloud.workflow.plan import Plan

_STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.UNKNOWN: "yellow"}
_PRICES = "https://cloud.google.com/vertex-ai/pricing"
_STORAGE_PRICES = "https://cloud.google.com/storage/pricing"
_LOGGING_PRICES = "https://cloud.google.com/stackdriver/pricing"


async def check(options: Options, plan: Plan, console: Console) -> bool:
    """Run every check and print its finding; returns whether none failed."""
    from cloud.backends.google.http_transport import HttpTransport
    from cloud.backends.google.network import Identity, Network

    access = options.access
    network = access.network or Network()
    transport = HttpTransport(
        options.region,
        identity=Identity(network, access.credentials),
        network=network,
        retries=replace(access.retries, attempts=2, longest=1.0),
        sleep=access.sleep,
    )
    preflight = Preflight(
        transport,
        project=options.project,
        region=options.region,
        bucket=plan.bucket,
        service=options.service,
        image=options.image,
        training_image=options.training_image,
    )
    try:
        findings = [check_package(plan)]
        findings += [finding async for finding in preflight.findings(datetime.now(UTC).date())]
    finally:
        await transport.close()
    for finding in findings:
        _show(finding, console)
    return all(finding.verdict is not Verdict.FAIL for finding in findings)


def check_package(plan: Plan) -> Finding:
    """Check that the trainer's module exists and is valid Python, without running it."""
    folder, module = plan.package_path, plan.module
    if folder is None:
        return Finding(Verdict.PASS, "package", f"{module} in {', '.join(map(str, plan.packages))}, not looked into")
    path = folder.parent.joinpath(*module.split("."))
    file = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__main__.py"
    if not (folder / "__init__.py").is_file():
        hint = "--package-path names the folder that holds it"
        return Finding(Verdict.FAIL, "package", f"{folder} has no __init__.py", hint)
    try:
        ast.parse(file.read_bytes(), str(file))
    except OSError:
        return Finding(Verdict.FAIL, "package", f"there is no module {module} in {folder}", "check --module")
    except SyntaxError as error:
        return Finding(Verdict.FAIL, "package", f"{file}, line {error.lineno}: {error.msg}", "fix the syntax")
    return Finding(Verdict.PASS, "package", f"{module} in {folder}")


def billed_resources(options: Options, plan: Plan) -> list[str]:
    """Each resource that will be billed: what for, and from when to when."""
    spec = TrainingSpec(
        plan.job_id, (GsUri(plan.bucket, "x"),), plan.module, region=options.region, scale_tier=plan.scale_tier
    )
    if options.service == "vertex-ai":
        pools = [
            f"{count} x {kind}{f' with {accelerator}' if accelerator else ''}, boot disk included"
            for (kind, accelerator), count in cluster(spec)
            if count
        ]
        machines, serving = ", ".join(pools), f"1 x {MACHINE}"
    else:
        machines, serving = f"scale tier {spec.scale_tier.value}", "nodes as Google scales them"
    days = spec.max_running_time / 86_400
    return [
        f"job {plan.job_id}: {machines}, from its start to its end, {days:g} days at most ({_PRICES})",
        f"version of model {plan.model}: {serving}, from its deployment until it is undeployed at the end ({_PRICES})",
        f"objects in gs://{plan.bucket}/{plan.job_id}/, until they are deleted at the end ({_STORAGE_PRICES})",
        f"log entries of both, past what is free ({_LOGGING_PRICES})",
    ]


def announce(options: Options, plan: Plan, cleanup: str, console: Console) -> None:
    """Print the run's name, what it will be billed for, and the command to clean up after a crash."""
    console.print(f"This run is called {plan.job_id}. It will bill:", highlight=False, soft_wrap=True)
    for line in billed_resources(options, plan):
        console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
    console.print(f"Should it crash: {cleanup}", highlight=False, soft_wrap=True)


def _show(finding: Finding, console: Console) -> None:
    style = _STYLES[finding.verdict]
    hint = f"  -> {finding.hint}" if finding.hint else ""
    console.print(
        f"[{style}]{finding.verdict.value:<8}[/]{escape(f'{finding.what}: {finding.detail}{hint}')}",
        highlight=False,
        soft_wrap=True,
    )
