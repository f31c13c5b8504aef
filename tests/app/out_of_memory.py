"""An extension in which a process is ended as the system does where memory runs out."""

import os
import signal

os.kill(os.getpid(), signal.SIGKILL)
