"""The virtual clock of the embedded world."""

import time
from datetime import UTC, datetime


class VirtualClock:
    """Minutes that have been played, and the time that servers show.

    Parameters
    ----------
    minute
        First minute since the Unix epoch that has not been played.
    lead_s
        Seconds that servers are ahead of the last played minute.
    """

    def __init__(self, minute: int, lead_s: float) -> None:
        self.minute = minute
        self.realtime = False
        self._lead_ms = int(lead_s * 1000)

    @property
    def now(self) -> datetime:
        """End of the last played minute."""
        return datetime.fromtimestamp(self.minute * 60, tz=UTC)

    def server_ms(self) -> int:
        """Milliseconds since the Unix epoch as servers show them; always inside the first minute not yet played."""
        start = self.minute * 60_000
        if self.realtime:
            return min(max(int(time.time() * 1000), start), start + 59_999)
        return start + self._lead_ms
