"""What becomes of log files and flow messages: chunks, in the transaction of the writer thread."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from eaves.controller.store import flow_store
from eaves.controller.store.partitions import Partitions
from eaves.controller.store.sync import lock_devices
from eaves.controller.telemetry.reports import DeviceForgotten, FlowReport, LogUpload
from eaves.evapi.flow_records import fold_flow_message
from eaves.evapi.log_lines import read_log_lines

LogReport = LogUpload | FlowReport | DeviceForgotten

_NANOSECONDS: Final = 1000  # in a microsecond


class LogFold:
    """Folding a batch twice changes nothing: each upload is known by its digest."""

    def __init__(self, inflated_bytes: int) -> None:
        """`inflated_bytes`: what a log file may inflate to; larger ones were refused before."""
        self._inflated_bytes = inflated_bytes
        self._partitions = Partitions("log_chunks", "flow_chunks")

    def fold(self, connection: Connection, batch: Sequence[LogReport], /) -> Sequence[bool]:
        """For each report: True when it was new."""
        self._partitions.ensure(connection, (report.received_at for report in batch))
        lock_devices(connection, (report.device_id for report in batch))
        return [self._fold_one(connection, report) for report in batch]

    def forget(self) -> None:
        self._partitions.forget()

    def _fold_one(self, connection: Connection, report: LogReport) -> bool:
        # imported here: a start need not wait for numpy, which no poll uses
        from eaves.controller.store import log_store  # noqa: PLC0415 - see above

        owner = report.enterprise_id, report.device_id
        if isinstance(report, DeviceForgotten):
            log_store.forget_device(connection, *owner, report.received_at)
            return True
        if not log_store.note_upload(connection, *owner, report.digest, report.received_at):
            return False
        match report:
            case LogUpload(app_id=app_id, file=file):
                received_ns = report.received_at * _NANOSECONDS
                lines = read_log_lines(file, received_ns, self._inflated_bytes)
                stream = log_store.Stream(*owner, app_id)
                log_store.add_lines(connection, stream, lines, report.received_at)
            case FlowReport(message=message):
                fold = fold_flow_message(message)
                flow_store.add_flows(connection, *owner, fold, report.received_at)
        return True
