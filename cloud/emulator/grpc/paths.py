"""The paths of methods over gRPC: ``/google.pubsub.v1.Publisher/Publish``. Pure."""

import re

PATH = re.compile(r"/(?:[a-z][A-Za-z0-9_]*\.)+[A-Z]\w{0,100}/[A-Z]\w{0,100}", re.ASCII)
"""No path of REST: neither a version nor a bucket is called so."""
