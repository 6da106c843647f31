"""``gcloud ai-platform models``."""

import argparse
from typing import Any

from cloud.stand_ins.connection import escape
from cloud.stand_ins.gcloud import ml, operations
from cloud.stand_ins.gcloud.commands import comma_dict, comma_list, command, flag, switch
from cloud.stand_ins.gcloud.invocation import Invocation

_MODEL = flag("MODEL", nargs="?", required=True)
_DEFAULT_REGION = "us-central1"
_LEARN_MORE = (
    "Learn more about regional endpoints and see a list of available regions: "
    "https://cloud.google.com/ai-platform/prediction/docs/regional-endpoints"
)


@command(
    "ai-platform models create",
    _MODEL,
    ml.REGION,
    flag("--regions", type=comma_list),
    flag("--description"),
    flag("--labels", type=comma_dict),
    switch("--enable-logging"),
    switch("--enable-console-logging"),
    shows="none",
)
def create(run: Invocation, flags: argparse.Namespace) -> None:
    body: dict[str, Any] = {"name": flags.MODEL}
    if flags.region and flags.region != "global":
        host = ml.endpoint(run, flags.region)
        body["regions"] = [flags.region]
    else:
        if not flags.regions:
            run.say(
                "WARNING: To specify a region where the model will deployed on the global endpoint, please use "
                f"`--regions` and do not specify `--region`. Using [{_DEFAULT_REGION}] by default on "
                "https://ml.googleapis.com. Please note that your model will be inaccessible from "
                f"https://{_DEFAULT_REGION}-ml.googelapis.com\n\n{_LEARN_MORE}"
            )
        host = ml.endpoint(run, "global")
        body["regions"] = flags.regions or [_DEFAULT_REGION]
    body |= {"description": flags.description} if flags.description else {}
    body |= {"labels": flags.labels} if flags.labels else {}
    body |= {"onlinePredictionLogging": True} if flags.enable_logging else {}
    body |= {"onlinePredictionConsoleLogging": True} if flags.enable_console_logging else {}
    found = run.call("POST", host, f"{ml.project_path(run)}/models", None, body)
    run.say(f"Created ai platform model [{found['name']}].")


@command(
    "ai-platform models list",
    ml.REGION,
    shows=("table(name.basename(), defaultVersion.name.basename():label=DEFAULT_VERSION_NAME)"),
    lists=True,
)
def list_models(run: Invocation, flags: argparse.Namespace) -> list[Any]:
    return run.pages(ml.endpoint(run, flags.region), f"{ml.project_path(run)}/models", "models")


@command("ai-platform models describe", _MODEL, ml.REGION)
def describe(run: Invocation, flags: argparse.Namespace) -> Any:
    host = ml.endpoint(run, flags.region)
    return run.call("GET", host, f"{ml.project_path(run)}/models/{escape(flags.MODEL)}")


@command("ai-platform models delete", _MODEL, ml.REGION, shows="none")
def delete(run: Invocation, flags: argparse.Namespace) -> None:
    host = ml.endpoint(run, flags.region)
    run.confirm(f"This will delete model [{flags.MODEL}]...")
    operation = run.call("DELETE", host, f"{ml.project_path(run)}/models/{escape(flags.MODEL)}")
    operations.wait(run, host, operation, f"Deleting model [{flags.MODEL}]")
