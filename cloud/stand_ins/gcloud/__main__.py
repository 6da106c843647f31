"""``gcloud``, the stand-in's: finds the command, runs it, prints its result."""

import os
import sys

from cloud.stand_ins.gcloud.command_line import main

if __name__ == "__main__":
    try:
        status = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except KeyboardInterrupt:
        sys.stderr.write("\n\nCommand killed by keyboard interrupt\n\n")
        status = 1
    sys.exit(status)
