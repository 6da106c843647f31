"""The training job: its data in the bucket, its submission, its end."""

import base64
import hashlib
from pathlib import Path

from cloud.lab.api import NotThere
from cloud.lab.checks.jobs import Kind, exported, jobs, local_arguments, not_ended, rmse
from cloud.lab.checks.outcome import Lab, Outcome, done, not_yet
from cloud.lab.checks.package import data_files
from cloud.resources import Json

_NO_BUCKET = (
    "there is no bucket gs://{0}. See chapter 1.",
    "no existe el depósito gs://{0}. Mira el capítulo 1.",
)


def upload(lab: Lab) -> Outcome:
    files = data_files(lab)
    if not files:
        return not_yet(
            "there is no data/taxi-*.csv to upload. Make the files first: chapter 2.",
            "no hay ningún data/taxi-*.csv que subir. Genera antes los archivos: capítulo 2.",
        )
    try:
        objects = list(lab.api.objects(lab.bucket)) if lab.bucket else []
    except NotThere:
        return not_yet(*(text.format(lab.bucket) for text in _NO_BUCKET))
    target = f"gs://{lab.bucket or 'BUCKET'}/taxifare/smallinput/"
    for path in files:
        copies = [item for item in objects if item["name"].rpartition("/")[2] == path.name]
        if not copies:
            return not_yet(
                f"{path.name} is not in gs://{lab.bucket}. Copy it: gsutil -m cp data/*.csv {target} (That gsutil rm "
                "found nothing to remove beforehand is no error.)",
                f"{path.name} no está en gs://{lab.bucket}. Cópialo: gsutil -m cp data/*.csv {target} (Que gsutil "
                "rm no "
                "encontrara antes nada que borrar no es un error.)",
            )
        if not any(_is_copy(item, path) for item in copies):
            name = f"gs://{lab.bucket}/{copies[0]['name']}"
            return not_yet(
                f"{name} is not what {path.relative_to(lab.folder)} is now ({copies[0]['size']} bytes there, "
                f"{path.stat().st_size} here). Copy it again: gsutil -m cp data/*.csv {target}",
                f"{name} ya no es igual que {path.relative_to(lab.folder)} ({copies[0]['size']} bytes allí, "
                f"{path.stat().st_size} aquí). Vuelve a copiarlo: gsutil -m cp data/*.csv {target}",
            )
    listed = ", ".join(path.name for path in files)
    return done(f"in gs://{lab.bucket}, byte for byte: {listed}", f"en gs://{lab.bucket}, byte a byte: {listed}")


def _is_copy(item: Json, path: Path) -> bool:
    if int(item["size"]) != path.stat().st_size:
        return False
    content = path.read_bytes()
    if "md5Hash" in item:
        return bool(item["md5Hash"] == base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode())
    import google_crc32c  # of objects that were uploaded in parts and composed

    return bool(item["crc32c"] == base64.b64encode(google_crc32c.value(content).to_bytes(4)).decode())


def submit(lab: Lab) -> Outcome:
    found = jobs(lab, Kind.TRAINING)
    if not found:
        return not_yet(
            "there is no training job. If gcloud refused yours: an id begins with a letter and is used only once, "
            "--job-dir needs a folder below the bucket (gs://BUCKET/FOLDER), and your own flags come after a lone --.",
            "no hay ningún trabajo de entrenamiento. Si gcloud rechazó el tuyo: el id empieza por una letra y "
            "solo se usa una vez, --job-dir necesita una carpeta dentro del depósito (gs://BUCKET/CARPETA), y tus "
            "opciones van después de un -- suelto.",
        )
    job = found[0]
    if local := local_arguments(job.training.get("args", [])):
        return not_yet(
            f"job {job.id} has {local[0]}, and a machine of the cloud does not see your folders. Submit another with "
            "gs:// paths.",
            f"el trabajo {job.id} lleva {local[0]}, y las máquinas de la nube no ven tus carpetas. Envía otro con "
            "rutas "
            "gs://.",
        )
    if not job.output:
        return not_yet(
            f"job {job.id} has no --job-dir and no --output_dir, so its model would be lost with its machine. Submit "
            "another with both.",
            f"el trabajo {job.id} no lleva ni --job-dir ni --output_dir: su modelo se perdería con la máquina. Envía "
            "otro con los dos.",
        )
    return done(
        f"job {job.id} was submitted; it writes to {job.output}", f"trabajo {job.id} enviado; escribe en {job.output}"
    )


def watch(lab: Lab) -> Outcome:
    found = jobs(lab, Kind.TRAINING)
    if not found:
        return submit(lab)
    without_model = None
    for job in found:
        if not_ended(lab, job) is None:
            if models := exported(lab, job.output):
                score = rmse(lab, job)
                told = "" if score is None else f", RMSE {score:.4g}"
                return done(
                    f"job {job.id} SUCCEEDED{told}; its model is {models[-1]}",
                    f"el trabajo {job.id} acabó bien (SUCCEEDED){told}; su modelo está en {models[-1]}",
                )
            without_model = without_model or job
    problem = not_ended(lab, found[0])
    if problem is not None:
        return problem
    assert without_model is not None  # noqa: S101 - the newest succeeded
    return not_yet(
        f"job {without_model.id} succeeded, and there is no saved_model.pb below "
        f"{without_model.output or '--output_dir'}. "
        "Did the trainer export to another folder? Look at its log, and at --output_dir.",
        f"el trabajo {without_model.id} acabó bien, pero no hay ningún saved_model.pb en "
        f"{without_model.output or '--output_dir'}. ¿Exportó el entrenador a otra carpeta? Mira su registro y "
        "--output_dir.",
    )
