"""The report of a run: one self-contained HTML page, and the table at the end in the terminal."""

from georet.report.page import write_report
from georet.report.table import metrics_table

__all__ = ["metrics_table", "write_report"]
