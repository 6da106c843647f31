"""The checks of the chapters, by their ids in the order of the lab; each looks and changes nothing."""

from collections.abc import Callable, Mapping

from cloud.errors import CloudError
from cloud.lab.api import NotThere
from cloud.lab.checks import access, google, local_runs, package, prediction, scaling, training, vertex
from cloud.lab.checks.outcome import Lab, Outcome, not_yet

__all__ = ["CHECKS", "Lab", "Outcome", "look"]

CHECKS: Mapping[str, Callable[[Lab], Outcome]] = {
    "project": access.project,
    "bucket": access.bucket,
    "grant": access.grant,
    "package": package.package,
    "data": package.data,
    "run_module": local_runs.run_module,
    "local_predict": local_runs.local_predict,
    "local_train": local_runs.local_train,
    "tensorboard": local_runs.tensorboard,
    "upload": training.upload,
    "submit": training.submit,
    "watch": training.watch,
    "deploy": prediction.deploy,
    "predict": prediction.predict,
    "larger": scaling.larger,
    "challenge": scaling.challenge,
    "tuning": scaling.tuning,
    "batch": prediction.batch,
    "vertex": vertex.vertex,
    "google": google.google,
}


def look(name: str, lab: Lab) -> Outcome:
    """The outcome of one check. Whatever is wrong with the cloud is an outcome, too.

    Raises:
        KeyError: there is no such check.
    """
    try:
        return CHECKS[name](lab)
    except NotThere as error:
        return not_yet(f"the cloud refused to say: {error}", f"la nube no ha querido decirlo: {error}")
    except CloudError as error:
        return not_yet(
            f"{error}. The lab is started by python -m cloud.lab",
            f"la nube no responde. ¿Sigue en marcha? Se inicia con python -m cloud.lab ({error})",
        )
    except OSError as error:
        return not_yet(
            f"{error.filename} cannot be read: {error.strerror}",
            f"no se puede leer {error.filename} ({error.strerror})",
        )
