"""The call log: one record for every screened call, in Redis exactly once, off the call's way.

`CallLog` is what a process builds: doors `put` a call, the service `run`s and `close`s it.
`record` says what is kept of a call. `put` appends it to the `spool`, files of `segment` lines
in the worker's own of the `folders`; `losses` counts what finds no room. From there `shipper`
brings it into the stream, where `stream` and its script see to it that nothing goes in twice.
`query` reads it back, `filter` says which of it; `ringfence.archive` keeps it for the years.
`ended` says how a call ended, which is heard later and is put to the record there.
"""

from ringfence.calllog.calllog import CallLog, CallLogStatus
from ringfence.calllog.folders import SpoolFailed
from ringfence.calllog.query import CallFilter, CallQuery
from ringfence.calllog.record import CallRecord

__all__ = ["CallFilter", "CallLog", "CallLogStatus", "CallQuery", "CallRecord", "SpoolFailed"]
