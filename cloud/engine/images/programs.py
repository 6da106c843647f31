"""Programs that a ``RUN`` names and that are not run here: why, and whether that may be missed. Pure."""

import re
from collections.abc import Sequence

from cloud.engine.images.passed_over import Reason

_SYSTEM = frozenset(
    """
    add-apt-repository apk apt apt-add-repository apt-get aptitude brew dnf dpkg gdebi microdnf rpm snap yum
    """.split()  # noqa: SIM905
)
_SYSTEM_INSTALLS = frozenset(("add", "install", "-i", "--install", "localinstall", "groupinstall", "build-dep"))
_NETWORK = frozenset(
    """
    aria2c aws az bq curl ftp gcloud gh git gsutil huggingface-cli hf npm rsync scp ssh svn wget yarn
    """.split()  # noqa: SIM905
)
_NO_EFFECT = frozenset(
    """
    adduser addgroup apt-key arch cat chgrp chown date debconf-set-selections df dirname dpkg-reconfigure du echo
    env file free getent gpg groupadd groups head hostname id ldconfig ldd less locale locale-gen ls lscpu
    lsb_release md5sum more nproc printenv printf ps pwd readlink realpath set sha256sum shopt sleep sort stat
    sync tail trap tree type ulimit umask uname update-ca-certificates update-alternatives useradd usermod wc
    which whoami yes grep egrep nvidia-smi
    """.split()  # noqa: SIM905
)
_ENVIRONMENT = frozenset(("activate", "deactivate", "virtualenv", "source", "."))


def why_not_run(name: str, arguments: Sequence[str]) -> tuple[Reason, bool]:
    """The reason, and whether nothing is missed.

    Args:
        name: of the program, without its folder.
    """
    words = [word for word in arguments if not word.startswith("-") or word in _SYSTEM_INSTALLS]
    if name in _SYSTEM:
        return Reason.SYSTEM, not (_SYSTEM_INSTALLS & set(words[:2]))
    if name in _NO_EFFECT:
        return Reason.NO_EFFECT, True
    if name in _ENVIRONMENT:
        return Reason.ENVIRONMENT, True
    if name in _NETWORK:
        # Settings of a program, and of one that is not there.
        return Reason.NETWORK, words[:1] in (["config"], ["lfs"]) or "--version" in arguments
    if name in ("conda", "mamba", "micromamba"):
        return Reason.NETWORK, words[:1] in (["clean"], ["init"], ["config"], ["info"], ["list"], ["activate"])
    if re.fullmatch(r"(?:python|pip|uv|R|Rscript|java|node)[\d.]*", name) and "--version" in arguments:
        return Reason.NO_EFFECT, True
    if name == "find" and not {"-exec", "-delete", "-execdir", "-ok"} & set(arguments):
        return Reason.NO_EFFECT, True
    return Reason.PROGRAM, False
