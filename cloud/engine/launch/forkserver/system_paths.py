"""What any program of Linux may need of the system, by what it may do there. Standard library only."""

import glob

_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store")
_SETTINGS = (
    # The dynamic linker.
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld.so.preload"),
    # Names of hosts, users, services; a job asks for its own user's.
    *("resolv.conf", "nsswitch.conf", "hosts", "host.conf", "gai.conf", "hostname", "networks"),
    *("passwd", "group", "services", "protocols", "rpc"),
    # Time, language, terminals, types of files, fonts.
    *("localtime", "timezone", "locale.alias", "locale.conf", "terminfo", "inputrc", "mime.types", "magic", "fonts"),
    # The system itself.
    *("os-release", "lsb-release", "debian_version", "redhat-release", "alternatives", "mtab"),
    # Certificates of authorities; not /etc/ssl as a whole, where root finds private keys.
    *("ssl/certs", "ssl/openssl.cnf", "ssl/cert.pem", "pki/tls/certs", "pki/tls/cert.pem", "pki/tls/openssl.cnf"),
    *("pki/ca-trust/extracted", "ca-certificates", "ca-certificates.conf", "crypto-policies", "gnutls"),
    # Shells, languages, Git, and what numerical libraries look up.
    *("profile", "profile.d", "bash.bashrc", "bashrc", "python3", "perl", "R", "gitconfig", "matplotlibrc"),
    *("ImageMagick-6", "java-8-openjdk", "java-11-openjdk", "java-17-openjdk", "java-21-openjdk"),
    *("OpenCL", "vulkan", "glvnd", "nvidia", "openmpi", "alsa"),
)
_DEVICE_FACTS = ("bus", "class", "dev", "devices", "fs/cgroup", "kernel/mm", "module")
_GPUS = ("/dev/nvidia*", "/dev/nvidia-caps/*", "/dev/dri", "/dev/kfd", "/dev/dxg")

READ = (
    *_PROGRAMS,
    *(f"/etc/{name}" for name in _SETTINGS),
    "/proc",
    *(f"/sys/{name}" for name in _DEVICE_FACTS),
    "/dev/random",
    "/dev/urandom",
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty")
"""Opened for writing as well, and for ioctl."""
SHARED_MEMORY = "/dev/shm"  # noqa: S108
"""Where semaphores and shared memory of multiprocessing are: they need a place that can be written."""


def devices() -> list[str]:
    """``DEVICES`` and this machine's GPUs."""
    return [*DEVICES, *gpus()]


def gpus() -> list[str]:
    """Devices of this machine's GPUs, if it has any."""
    return [path for pattern in _GPUS for path in glob.glob(pattern)]
