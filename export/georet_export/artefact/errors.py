"""What can go wrong while an encoder is exported: which node, which operator, why, what to do."""

from __future__ import annotations

from georet.errors import GeoretError


class ExportError(GeoretError):
    """An encoder can't be exported as asked.

    ``node`` and ``operator`` name the place in the graph where they are known, ``reason`` is what
    the compiler or runtime says about it.
    """

    def __init__(
        self,
        reason: str,
        *,
        node: str | None = None,
        operator: str | None = None,
        where: str | None = None,
        hint: str | None = None,
    ) -> None:
        place = " ".join(
            part
            for part in (operator and f"operator {operator}", node and f"node {node!r}")
            if part
        )
        super().__init__(f"{place}: {reason}" if place else reason, where=where, hint=hint)
        self.reason, self.node, self.operator = reason, node, operator

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.reason, self.node, self.operator, self.where, self.hint)


def _rebuild(
    reason: str, node: str | None, operator: str | None, where: str | None, hint: str | None
) -> ExportError:
    return ExportError(reason, node=node, operator=operator, where=where, hint=hint)
