"""What did not come in, and why: collected by reason, so that a million files give one sentence."""

from __future__ import annotations

from dataclasses import dataclass, field

from workshop.grading.records import Finding, Severity

NAMED = 5  # names that are repeated for each reason
_LONGEST = 80  # characters of a name that are repeated


@dataclass(frozen=True)
class Reason:
    """Why something was left out.

    Attributes:
        why: the second half of a sentence: ``left out: ...``.
        became: the first half's end.
    """

    severity: Severity
    why: str
    became: str = "left out"


@dataclass
class LeftOut:
    """Names by the reason for which they were left out.

    Attributes:
        about: the submission that they are of.
    """

    about: str
    names: dict[Reason, list[str]] = field(default_factory=dict)
    counts: dict[Reason, int] = field(default_factory=dict)

    def tell(self, reason: Reason, name: str) -> None:
        self.counts[reason] = self.counts.get(reason, 0) + 1
        named = self.names.setdefault(reason, [])
        if len(named) < NAMED:
            named.append(shown(name))

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    def findings(self) -> list[Finding]:
        """A sentence for each reason, in the order in which they first came up."""
        return [self._finding(reason, count) for reason, count in self.counts.items()]

    def _finding(self, reason: Reason, count: int) -> Finding:
        named = self.names[reason]
        if count == 1:
            return Finding(
                reason.severity, self.about, f"{named[0]} was {reason.became}: {reason.why}"
            )
        more = f" and {count - len(named)} more" if count > len(named) else ""
        return Finding(
            reason.severity,
            self.about,
            f"{count} files were {reason.became}: {reason.why}",
            {"files": ", ".join(named) + more},
        )


def shown(name: str, longest: int = _LONGEST) -> str:
    """A name as it may be printed: nothing in it that moves a cursor or turns a line around."""
    plain = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in name
    )
    return plain if len(plain) <= longest else f"{plain[:longest]}..."
