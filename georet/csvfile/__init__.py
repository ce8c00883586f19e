"""Tables that people write: any usual encoding, separator and decimal sign, each error with a line.

``read_csv`` reads tables with a header, ``read_list`` lists without one, ``read_text`` any text;
``csv_line`` writes lines of which no spreadsheet takes a cell for a formula.
"""

from georet.csvfile.cells import csv_line, guarded, slashed
from georet.csvfile.numbers import Numbers
from georet.csvfile.table import CsvTable, read_csv, read_list
from georet.csvfile.text import read_text

__all__ = [
    "CsvTable",
    "Numbers",
    "csv_line",
    "guarded",
    "read_csv",
    "read_list",
    "read_text",
    "slashed",
]
