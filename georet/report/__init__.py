"""The report of a run: one self-contained HTML page, and the table at the end in the terminal."""

from georet.page.table import metrics_table
from georet.report.page import write_report

__all__ = ["metrics_table", "write_report"]
