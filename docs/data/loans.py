"""Writes loans.csv: 1,500 simulated applicants, two scores of who repays, and a bias that is planted and known.

The champion scores women lower and with more noise, so it finds fewer of the women who repay. The challenger treats
everyone alike. Nobody in this table exists.

    python docs/data/loans.py
"""

import csv
import math
import random
from pathlib import Path

HERE = Path(__file__).parent
HEADER = ("case", "repaid", "champion", "challenger", "sex", "age", "region")


def applicants(rows=1500, seed=7):
    """One tuple per applicant, in the order of HEADER."""
    rng = random.Random(seed)
    for case in range(1, rows + 1):
        sex, age = rng.choice(("female", "male")), rng.randint(18, 79)
        region = rng.choices(("coast", "hills", "islands"), (70, 25, 5))[0]
        means = rng.gauss(0.4, 1.4)
        repaid = int(rng.random() < share(1.8 * means))
        champion = means - (0.6 if sex == "female" else 0.0) + rng.gauss(0, 0.7 if sex == "female" else 0.3)
        challenger = means + rng.gauss(0, 0.5)
        yield case, repaid, f"{share(champion):.3f}", f"{share(challenger):.3f}", sex, age, region


def share(x):
    """A number between 0 and 1 from any number."""
    return 1 / (1 + math.exp(-x))


if __name__ == "__main__":
    with (HERE / "loans.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(applicants())
