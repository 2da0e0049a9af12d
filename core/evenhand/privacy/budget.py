"""The budget: what epsilon and delta allow, in the units of the accountants, and what they promise against an attacker.

One training row more or less changes the chance of any model by a factor of at most e^epsilon, but for delta (Dwork &
Roth 2014). For Gaussian noise without sampling the exact curve is known: a release of sensitivity 1 under noise 1 / mu
is mu-GDP, T of them are (mu √T)-GDP (Dong, Roth & Su 2022, JRSS B), and

    delta(epsilon) = Phi(-epsilon / mu + mu / 2) - e^epsilon Phi(-epsilon / mu - mu / 2)    (Balle & Wang 2018, ICML)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evenhand.errors import BadInput

if TYPE_CHECKING:
    from evenhand.recipe_rules import PrivacyRule

GAUSSIAN, PRV = "gaussian (exact)", "prv"
SLACK = 0.01  # of epsilon, that the numeric accountant's search leaves unspent


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent on `rows` training rows."""

    epsilon: float
    delta: float
    rows: int

    @property
    def mu(self) -> float:
        """Of the Gaussian mechanism that spends exactly this."""
        return largest_mu(self.epsilon, self.delta)


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent, with all that the accountant needs to say so again.

    noise_multiplier: the noise's standard deviation in units of the sensitivity; sample_rate: the chance with which a
    row takes part in a step.
    """

    epsilon: float
    delta: float
    accountant: str
    noise_multiplier: float
    sample_rate: float
    steps: int
    clip: float
    mechanism: str
    rows: int


def budget_of(rule: PrivacyRule, rows: int) -> Budget:
    """The recipe's budget for that many training rows; BadInput where delta is too large to promise anything."""
    if rule.epsilon is None:
        raise BadInput("no epsilon is set; set one with --set finetune.privacy.epsilon=3")
    delta = rows**-1.1 if rule.delta == "auto" else float(rule.delta)
    if not delta * rows < 1:
        raise BadInput(
            f"finetune.privacy.delta = {delta:g} is not below 1 / {rows:,} training rows, so giving one row away whole"
            " would keep the promise; set a smaller one, or auto (1 / rows^1.1)"
        )
    return Budget(rule.epsilon, delta, rows)


def gaussian_delta(mu: float, epsilon: float) -> float:
    """The delta at which a mu-GDP release is epsilon-private.

    >>> round(gaussian_delta(1.0, 1.0), 4)
    0.1269
    """
    from scipy.special import log_ndtr, ndtr

    if mu <= 0:
        return 0.0
    return float(ndtr(-epsilon / mu + mu / 2) - np.exp(epsilon + log_ndtr(-epsilon / mu - mu / 2)))


def gaussian_epsilon(mu: float, delta: float) -> float:
    """The smallest epsilon of a mu-GDP release at this delta."""
    return _bisected(lambda epsilon: gaussian_delta(mu, epsilon) <= delta, 1.0)


def largest_mu(epsilon: float, delta: float) -> float:
    """The largest mu whose release is (epsilon, delta)-private.

    >>> round(gaussian_epsilon(largest_mu(3.0, 1e-5), 1e-5), 6)
    3.0
    """
    return 1 / _bisected(lambda noise: gaussian_delta(1 / noise, epsilon) <= delta, 1.0)


def _bisected(kept: Any, start: float) -> float:
    """The smallest positive number that is `kept`, from above; all numbers beyond it are kept."""
    low, high = 0.0, start
    while not kept(high):
        low, high = high, high * 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (low, middle) if middle and kept(middle) else (middle, high)
    return high


def sampled_noise(budget: Budget, sample_rate: float, steps: int) -> tuple[float, float]:
    """(noise multiplier, epsilon spent) of `steps` Poisson-sampled steps by the PRV accountant, rounded up.

    Gopi, Lee & Wutschitz 2021, NeurIPS: Numerical Composition of Differential Privacy; as Opacus computes it.
    BadInput where no noise is enough.
    """
    utils = opacus_here().accountants.utils
    try:
        with np.errstate(all="ignore"):
            noise = utils.get_noise_multiplier(
                target_epsilon=budget.epsilon,
                target_delta=budget.delta,
                sample_rate=sample_rate,
                steps=steps,
                accountant=PRV,
                epsilon_tolerance=min(SLACK, budget.epsilon / 50),
            )
    except (ValueError, RuntimeError) as error:
        raise BadInput(
            f"no noise reaches epsilon {budget.epsilon:g} in {steps:,} steps ({error}); set a larger epsilon, fewer"
            " finetune.epochs or a smaller finetune.batch_size"
        ) from None
    return float(noise), sampled_epsilon(float(noise), sample_rate, steps, budget.delta)


def sampled_epsilon(noise: float, sample_rate: float, steps: int, delta: float) -> float:
    """What `steps` Poisson-sampled Gaussian steps spend, by the PRV accountant."""
    accountant = opacus_here().accountants.PRVAccountant()
    accountant.history = [(noise, sample_rate, steps)]
    with np.errstate(all="ignore"):
        return float(accountant.get_epsilon(delta=delta))


def opacus_here() -> Any:
    """Opacus; BadInput with the way to get it where it is not installed."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import opacus
            import opacus.accountants
            import opacus.accountants.utils
    except ImportError:
        raise BadInput(
            "training a network with privacy needs opacus, which is not installed; pip install 'evenhand[privacy]',"
            " then run the same command"
        ) from None
    return opacus


def most_found(epsilon: float, delta: float, false_alarms: float) -> float:
    """The largest share of members that any attack finds at this share of false alarms (Kairouz, Oh & Viswanath 2015).

    >>> round(most_found(1.0, 0.0, 0.01), 4)
    0.0272
    """
    one = math.exp(min(epsilon, 700)) * false_alarms + delta
    other = 1 - math.exp(-epsilon) * max(1 - delta - false_alarms, 0.0)
    return float(min(one, other, 1.0))


def largest_auc(epsilon: float, delta: float) -> float:
    """The area under that curve: no attack's AUC is larger.

    >>> largest_auc(0.0, 0.0)
    0.5
    """
    alarms = np.concatenate([[0.0], np.logspace(-9, 0, 4001)])
    return float(np.trapezoid([most_found(epsilon, delta, each) for each in alarms], alarms))
