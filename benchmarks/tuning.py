"""Hyperparameter tuning: how good its suggestions are, and what a tuning job costs beside its trials.

    python benchmarks/tuning.py                      # the suggestions: half a minute
    python benchmarks/tuning.py --data-dir DIR       # also the cost, on a folder with the lab's files: some minutes

The suggestions are judged on toys of five parameters with noise (``toy``), whose optimum is 1: by the loss without
noise of the trial with the lowest reported loss, after 30 trials, one after the other or five at a time. The cost is
the wall time of a tuning job of 20 trials of the sample trainer (300 steps, two in parallel) over that of the same 20
as training jobs, two at a time, in the same local cloud. Exits with status 1 if a target is missed.
"""

import argparse
import asyncio
import math
import random
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cloud.engine.tuning.algorithms import suggest
from cloud.engine.tuning.trial_spec import trial_spec
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Access, TrainingSpec
from cloud.resources.trials import Goal, Measurement, Metric, Parameter, ParameterType, ScaleType, Trial, Value
from cloud.resources.tuning import Algorithm, TuningSpec
from cloud.serve import LocalCloud
from cloud.settings import Settings
from cloud.workflow.taxifare import MODULE, SEARCH, package_path
from targets import Targets

TRIALS, PARALLEL = 30, 5
KINDS = ("relu", "tanh", "selu", "linear")
SPACE = (
    Parameter("rate", ParameterType.DOUBLE, 1e-5, 1.0, scale=ScaleType.LOG),
    Parameter("dropout", ParameterType.DOUBLE, 0.0, 0.9),
    Parameter("units", ParameterType.INTEGER, 4, 1024, scale=ScaleType.LOG),
    Parameter("layers", ParameterType.INTEGER, 1, 4),
    Parameter("kind", ParameterType.CATEGORICAL, categories=KINDS),
)
NOISE = 0.02
JOB_TRIALS, JOB_PARALLEL, STEPS = 20, 2, 300


Loss = Callable[[Mapping[str, Value]], float]


def toy(seed: int) -> Loss:
    """A loss whose optimum, 1, is at a place of its own: the default algorithm begins in the middle."""
    draw = random.Random(f"toy {seed}")  # noqa: S311 - to be repeated
    rate, dropout = draw.uniform(-4.5, -0.5), draw.uniform(0.05, 0.85)
    units, layers = draw.uniform(0.9, 2.7), draw.randint(1, 4)
    kinds = dict(zip(KINDS, draw.sample([0.0, 0.05, 0.1, 0.4], 4), strict=True))

    def loss(chosen: Mapping[str, Value]) -> float:
        return (
            1.0
            + 0.10 * (math.log10(float(chosen["rate"])) - rate) ** 2
            + 0.60 * (float(chosen["dropout"]) - dropout) ** 2
            + 0.25 * (math.log10(float(chosen["units"])) - units) ** 2
            + 0.05 * (float(chosen["layers"]) - layers) ** 2
            + kinds[str(chosen["kind"])]
        )

    return loss


def study(loss: Loss, algorithm: Algorithm, seed: int, parallel: int) -> float:
    """The loss, without noise, of the trial that a study ends with."""
    job_id = f"toy_{seed}"
    training = TrainingSpec(job_id, (GsUri("bucket", "a.whl"),), "trainer.task")
    metrics = (Metric("loss", Goal.MINIMIZE),)
    spec = TuningSpec(job_id, training, metrics, SPACE, TRIALS, parallel, algorithm=algorithm)
    noise = random.Random(seed)  # noqa: S311 - to be repeated
    done: list[Trial] = []
    running: deque[Trial] = deque()

    def finish(trial: Trial) -> None:
        value = loss(trial.parameters) + noise.gauss(0.0, NOISE)
        done.append(replace(trial, state=JobState.SUCCEEDED, final=Measurement(1, 1.0, {"loss": value})))

    for number in range(1, TRIALS + 1):
        if len(running) == parallel:
            finish(running.popleft())
        running.append(Trial(str(number), JobState.RUNNING, suggest(spec, [*done, *running], number) or {}))
    for trial in running:
        finish(trial)
    return loss(min(done, key=_reported).parameters)


def _reported(trial: Trial) -> float:
    return trial.final.metrics["loss"] if trial.final else math.inf


def suggestions(targets: Targets, seeds: int) -> None:
    toys = {seed: toy(seed) for seed in range(1, seeds + 1)}
    chance = [
        study(loss, Algorithm.RANDOM_SEARCH, 1000 * again + seed, 1)
        for seed, loss in toys.items()
        for again in range(10)
    ]
    print(f"random search, {len(chance)} studies: {_summary(chance)}")
    for parallel, limit in ((1, 0.95), (PARALLEL, math.inf)):
        started = time.process_time()
        found = [study(loss, Algorithm.DEFAULT, seed, parallel) for seed, loss in toys.items()]
        spent = (time.process_time() - started) / seeds
        print(f"default algorithm, {parallel} at a time, {seeds} seeds: {_summary(found)}, {spent:.2f} s a study")
        ratio = statistics.median(found) / statistics.median(chance)
        targets.report(f"default algorithm, {parallel} at a time / random search", ratio, at_most=limit)


def _summary(values: Sequence[float]) -> str:
    tenth = statistics.quantiles(values, n=10)[-1]
    return f"median {statistics.median(values):.3f}, mean {statistics.fmean(values):.3f}, p90 {tenth:.3f}"


async def cost(targets: Targets, data_dir: Path, rounds: int) -> None:
    ratios = []
    async with LocalCloud(Settings(concurrent_jobs=JOB_PARALLEL)) as cloud:
        backend = cloud.backend
        bucket = "tuning-benchmark"
        await backend.create_bucket(bucket)
        await backend.upload(data_dir, GsUri(bucket, "data"))
        for access in Access:
            await backend.grant(bucket, await backend.ml_service_account(), access)
        package = await backend.stage_package(package_path(), GsUri(bucket, "staging"))

        def training(job_id: str) -> TrainingSpec:
            args = (
                f"--train_data_paths=gs://{bucket}/data/taxi-train*",
                f"--eval_data_paths=gs://{bucket}/data/taxi-valid*",
                f"--output_dir=gs://{bucket}/out/{job_id}",
                f"--train_steps={STEPS}",
            )
            folder = GsUri(bucket, f"jobs/{job_id}")
            return TrainingSpec(job_id, (package,), MODULE, args, folder, region=backend.region)

        for number in range(rounds + 1):  # the first prepares the package
            job_id, count = f"tuning_{number}", JOB_TRIALS if number else JOB_PARALLEL
            spec = replace(SEARCH.of(training(job_id)), max_trials=count, parallel_trials=JOB_PARALLEL)
            started = time.perf_counter()
            await backend.submit_job(spec)
            job = await backend.wait_for_job(job_id, timeout=3600)
            tuned = time.perf_counter() - started
            assert job.state is JobState.SUCCEEDED, job.error_message
            assert all(trial.final for trial in job.trials), "a trial without a metric"
            same = [
                trial_spec(SEARCH.of(training(f"{job_id}_{trial.trial_id}")), trial.trial_id, trial.parameters)
                for trial in job.trials
            ]
            started = time.perf_counter()
            for each in same:
                await backend.submit_job(each)
            ended = [await backend.wait_for_job(each.job_id, timeout=3600) for each in same]
            alone = time.perf_counter() - started
            assert {each.state for each in ended} == {JobState.SUCCEEDED}
            if number:
                ratios.append(tuned / alone)
                print(f"round {number}: tuning {tuned:.1f} s, the same as training jobs {alone:.1f} s", flush=True)
    text = f"{JOB_TRIALS} trials / the same as training jobs"
    targets.report(text, statistics.median(ratios), at_most=1.2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="holds taxi-train.csv and taxi-valid.csv: measure the cost, too")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    targets = Targets()
    suggestions(targets, arguments.seeds)
    if arguments.data_dir:
        asyncio.run(cost(targets, arguments.data_dir, arguments.rounds))
    return targets.status


if __name__ == "__main__":
    sys.exit(main())
