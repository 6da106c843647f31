"""``gsutil``, the stand-in's: global options, the command's module, one line for each kind of failure."""

from cloud.stand_ins import program
from cloud.stand_ins.gsutil.command_line import main

if __name__ == "__main__":
    program.run(main, interrupted="Caught CTRL-C (signal 2) - exiting\n", status_of_interrupt=1)
