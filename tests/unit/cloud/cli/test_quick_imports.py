import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, ssl
from cloud.cli.quick_imports import import_aiohttp
read = []
make = ssl.create_default_context
def create_default_context(*args, **options):
    context = make(*args, **options)
    read.append(len(context.get_ca_certs()))
    return context
ssl.create_default_context = create_default_context
before = dict(os.environ)
import_aiohttp()
print(read, os.environ == before)
"""


@pytest.mark.parametrize("chosen", [None, "/etc/ssl/certs/ca-certificates.crt"])
def test_no_certificates_are_read_and_the_environment_stays(chosen):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SSL_CERT")}
    environ |= {"SSL_CERT_FILE": chosen} if chosen else {}
    result = subprocess.run([sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, check=True)
    assert result.stdout == "[0] True\n", result.stderr
