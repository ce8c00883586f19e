"""How long each stage of a build waited for the next: what should be given more."""

from __future__ import annotations

from dataclasses import astuple, dataclass


@dataclass
class Waits:
    """Seconds: decoders (on average) at work and waiting, the device waiting and computing.

    ``device_s`` is for how long whoever embeds waited for tiles, ``writing_s`` for the disk;
    ``busy_s`` for how long the device computed, where the session tells (else 0).
    """

    decoding_s: float = 0.0
    idle_s: float = 0.0
    device_s: float = 0.0
    writing_s: float = 0.0
    busy_s: float = 0.0

    def __add__(self, other: Waits) -> Waits:
        return Waits(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Waits) -> Waits:
        return Waits(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def in_words(self, num_decoders: int) -> str:
        """Return who waited for whom, as one sentence."""
        if not num_decoders:
            return (
                f"reading took {self.device_s:.1f} s, waiting for the disk {self.writing_s:.1f} s"
            )
        return (
            f"{num_decoders} decoder{'s' if num_decoders > 1 else ''} waited {self.idle_s:.1f} s "
            f"for room, the encoder {self.device_s:.1f} s for tiles "
            f"and {self.writing_s:.1f} s for the disk"
        )
