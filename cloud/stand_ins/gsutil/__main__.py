"""``gsutil``, the stand-in's: global options, the command's module, one line for each kind of failure."""

import os
import sys

from cloud.stand_ins.gsutil.command_line import main

if __name__ == "__main__":
    try:
        status = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except KeyboardInterrupt:
        sys.stderr.write("Caught CTRL-C (signal 2) - exiting\n")
        status = 1
    sys.exit(status)
