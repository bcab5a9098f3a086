"""What went wrong in the engine, as a caller is told of it and as the log tells it.

The idea: neither repeats the text of an error that we did not write, for it may hold text of a document.
"""

import logging

from model.files import is_full
from model.geometry import TooLong
from model.hardware import is_out_of_memory
from tasks.errors import InvalidInput, Transient
from tasks.serve.door import Busy, Failed, Unavailable

log = logging.getLogger(__name__)
RETRY_S = 1.0
"""After which a node that is full may have room."""


def told(error: Exception) -> Exception:
    """An error as a caller is told of it: one of `tasks.serve.door`, or InvalidInput."""
    if isinstance(error, InvalidInput) or type(error).__module__ == Busy.__module__:
        return error
    if isinstance(error, Transient):
        return Unavailable(str(error))
    if isinstance(error, TooLong | UnicodeEncodeError):  # of what was asked; any other is the reader's own
        return InvalidInput(str(error))
    log.error("a call failed: %s", where(error))
    if is_out_of_memory(error):
        return Busy("the reader has no memory for this beside all else that it holds: ask again", RETRY_S)
    if is_full(error):
        return Failed("the reader's disk is full: free space where its home lies; what was read can be asked")
    return Failed(f"the reader failed ({type(error).__name__}): its log says where")


def where(error: BaseException) -> str:
    """Kind and place of an error, and what the system says of one of its own."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "nowhere"
    said = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    return f"{type(error).__name__}{said} at {place}"
