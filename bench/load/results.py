"""What the rounds come to: medians, ratios within a round, how sure they are, and the file that says it.

A row is {"round", "measure", "peer", "value", ...}. A ratio of two peers is the median of the ratios of each round, in which both were measured a
few seconds apart: what the machine does over minutes is in both. Its interval is that of the median at 95 %, by the order of the rounds' ratios
(a binomial argument, no assumption of their distribution); of fewer than six rounds it is their range."""

import datetime
import json
import math
import statistics

import tools


def interval(values):
    """Of the median."""
    ordered, count = sorted(values), len(values)
    outside, left = 0, 0.0
    while count > 5:
        left += math.comb(count, outside) / 2**count
        if 2 * left > 0.05 or 2 * (outside + 1) >= count:
            break
        outside += 1
    outside = max(outside - 1, 0)
    return ordered[outside], ordered[count - 1 - outside]


def spread(values):
    middle = statistics.median(values)
    return (max(values) - min(values)) / 2 / middle if middle else 0.0


class Results:
    """Written to `raw` as they come, one JSON object a line."""

    def __init__(self, raw=None):
        self.rows, self.wrong = [], []
        self.raw = raw
        if raw is not None:
            raw.write_text("")

    def add(self, round_, measure, peer, value, **details):
        row = {"round": round_, "measure": measure, "peer": peer, "value": value, **details}
        self.rows.append(row)
        if self.raw is not None:
            with open(self.raw, "a") as file:
                file.write(json.dumps(row) + "\n")
        tools.say(f"  {round_} {measure} {peer}: {value:.2f}" + (f" ({row['foreign']:.2f} cores busy elsewhere)" if row.get("foreign", 0) > 0.1 else ""))

    def refuse(self, round_, measure, peer, why):
        self.wrong.append(f"round {round_}, {measure}, {peer}: {why}".replace(str(tools.SOURCE), "."))
        tools.say(f"  WRONG: {self.wrong[-1]}")

    def values(self, measure, peer, key="value"):
        """By round."""
        return {row["round"]: row[key] for row in self.rows if row["measure"] == measure and row["peer"] == peer and key in row}

    def median(self, measure, peer, key="value"):
        values = self.values(measure, peer, key).values()
        return statistics.median(values) if values else None

    def paired(self, measure, peer, reference, how=lambda one, other: one / other, key="value"):
        """One number for each round that has both."""
        mine, theirs = self.values(measure, peer, key), self.values(measure, reference, key)
        return [how(mine[each], theirs[each]) for each in mine if theirs.get(each)]

    def peers(self, measure):
        return list(dict.fromkeys(row["peer"] for row in self.rows if row["measure"] == measure))

    def measures(self):
        return list(dict.fromkeys(row["measure"] for row in self.rows))


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "|".join("---" if number == 0 else "---:" for number in range(len(heads))) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def shown(value, digits=2):
    return "" if value is None else f"{value:,.{digits}f}"


def ratio(values):
    return f"{statistics.median(values):.2f}" if values else ""


def about_wrong(found):
    return ["## Wrong answers, and what did not start", "\n".join(f"- {each}" for each in found.wrong)] if found.wrong else []


def raw_of(asked, name):
    """Where the rounds' rows go: beside the results file where that was given, else below build/."""
    raw = asked.out.with_suffix(".jsonl") if asked.out else tools.SOURCE / f"build/load/{datetime.date.today()}_{tools.commit()}{name}.jsonl"
    raw.parent.mkdir(parents=True, exist_ok=True)
    return raw


def write(asked, name, parts):
    """The results file; says where it is. `name` distinguishes those of one day and commit."""
    out = asked.out or tools.SOURCE / f"bench/results/{datetime.date.today()}_{tools.commit()}{name}.md"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n\n".join(part.strip() for part in parts if part) + "\n")
    tools.say(f"written: {out}")
