"""The rules of a recipe: how rows are divided, a backbone is adapted, texts are read, and rows are left open."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Part(BaseModel):
    """A table of a recipe: it does not change, and holds no key that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SplitRule(Part):
    """How rows are divided where the source brings no official split."""

    by: Literal["random", "group_id", "site", "time", "order"] | None = Field(
        None,
        description=(
            "What decides who is in the test split; not set: `group_id`, else `time`, else `random`. `order`: stretches"
            " of rows as they stand, for documents whose sentences follow each other and that nothing names."
        ),
    )
    block: int = Field(
        0,
        ge=0,
        description=(
            'With `by = "order"`: rows of a block, about a document, which is one cluster of the audit; a stretch has'
            " three, and half a block on each side of another split is left out of training. 0: a sixtieth of the rows,"
            " 200 at most."
        ),
    )
    validation: float = Field(0.15, gt=0, lt=1, description="Share of the rows that are not test.")
    test: float = Field(0.2, gt=0, lt=1, description="Share of all rows; about that where groups or sites stay whole.")
    test_sites: tuple[str, ...] = Field((), description='With `by = "site"`: these sites are the test split.')


class WindowRule(Part):
    """How texts longer than the backbone reads are read: in overlapping windows, or cut off, which is then said."""

    use: Literal["auto", "never"] = Field(
        "auto",
        description=(
            "`auto`: where a text is longer than `max_length` tokens (of classes with strategy `auto`, where 5 of 100"
            " are); `never`: its rest is cut off, and said."
        ),
    )
    length: int = Field(0, ge=0, description="Tokens of a window; 0: as many as the backbone reads, or `max_length`.")
    overlap: float = Field(0.25, ge=0, le=0.9, description="Share of a window that is the window's before, too.")
    pool: Literal["auto", "max", "mean"] = Field(
        "auto",
        description=(
            "How the windows' scores become the text's: `max`, the window that speaks most for a label; `mean`, all"
            " alike; `auto`: what is better on validation."
        ),
    )
    most: int = Field(64, ge=1, le=10_000, description="Windows of one text that are read; a longer rest is said.")


class PrivacyRule(Part):
    """Differential privacy of the training rows, and what of it is shown. Off where no `epsilon` is set."""

    epsilon: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="What one training row may tell of itself, at most; 1 is strong, 8 weak. Not set: no privacy.",
    )
    delta: float | Literal["auto"] = Field(
        "auto",
        description=(
            "How likely the promise may fail, below 1 / (training rows); `auto`: 1 / rows^1.1, rows being a number that"
            " everyone may know."
        ),
    )
    clip: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="The longest that one row's gradient may be (Euclidean)."
    )
    bounds: dict[str, tuple[float, float] | tuple[str, ...]] = Field(
        {},
        description=(
            "Tables: what everyone may know of a column, [lowest, highest] of numbers or the list of its categories."
            " Columns without it are read from validation rows, which are not protected."
        ),
    )
    compare: bool = Field(
        True,
        description=(
            "Whether the same model without privacy is trained beside (and not stored): who pays with how much"
            " accuracy, and what an attacker tells of either."
        ),
    )

    @field_validator("delta")
    @classmethod
    def _share(cls, value: float | str) -> float | str:
        if isinstance(value, float) and not 0 < value < 1:
            raise ValueError("it lies above 0 and below 1 / (training rows), or is 'auto'")
        return value


class FinetuneRule(Part):
    """Which strategy adapts the backbone, and its settings."""

    strategy: Literal[
        "auto",
        "probe",
        "lp-ft",
        "full",
        "lora",
        "contrastive",
        "co-trained",
        "continued",
        "in-context",
        "trees",
        "linear",
    ] = Field(
        "auto",
        description=(
            "Text and images: `probe`, a linear head on the frozen backbone; `lp-ft`, that head, then all weights;"
            " `full`, all weights at once; `lora`, low-rank updates. The last three read `epochs` to `warmup`, and"
            " `label_smoothing`. Text with few labels: `contrastive`, the encoder tuned by pairs of a class beside"
            " look-alike classes; `co-trained`, meaning and words that teach each other on messages without a label"
            " (`options.unlabelled`); `continued`, masked tokens on those messages, then the strategy `then`. `auto`:"
            " images and numbers, `probe`; classes of text with 50 labels each or fewer, what cross-validation on the"
            " labelled rows chooses; with more, `lp-ft`. Tables: `in-context`, the backbone that reads the labelled"
            " rows as they are; `trees`; `linear`; `auto`, the best of the three and of their averages on validation."
        ),
    )
    then: Literal["probe", "contrastive"] = Field("probe", description="What follows the masked tokens of `continued`.")
    refit: Literal["whole", "onward", "never"] = Field(
        "whole",
        description=(
            "What a tuned network learns from validation rows after they measured it: all anew (`whole`, as long"
            " again), one pass more in small steps (`onward`), or nothing (`never`)."
        ),
    )
    words: Literal["never", "auto"] = Field(
        "never",
        description=(
            "Whether TF-IDF and logistic regression on the words join a network of texts: `auto`, averaged in with the"
            " weight that validation rows choose, 0 among them. The network then lies in model/member_0."
        ),
    )
    frozen_layers: int = Field(
        0,
        ge=0,
        description=(
            "Layers of a text network, counted from below, that stay as they are with `lp-ft`, `full` and"
            " `contrastive`; what they make of a text is computed once. One layer at least is trained."
        ),
    )
    epochs: int = Field(5, ge=1, description="Passes over the training rows.")
    learning_rate: float = Field(5e-5, gt=0, description="Largest step size, reached after the warm-up.")
    batch_size: int = Field(32, ge=1, description="Rows in one step, over all processes together.")
    weight_decay: float = Field(0.01, ge=0, description="Pull of the weights towards zero (AdamW).")
    warmup: float = Field(0.1, ge=0, le=1, description="Share of all steps in which the step size grows.")
    max_length: int = Field(128, ge=8, description="Tokens of a text that are read at once; see `windows`.")
    windows: WindowRule = Field(WindowRule(), description="How longer texts are read.")
    image_size: int = Field(224, ge=16, description="Side of the square that images are brought to, in pixels.")
    layers: str = Field(
        "head",
        description=(
            "Layers of an image network whose pooled outputs are the features, joined by `+`; `auto`: validation"
            " chooses among those that the backbone offers (strategy `probe`)."
        ),
    )
    negatives: float = Field(
        0,
        ge=0,
        description=(
            "Multi-label tasks with `lp-ft`, `full`, `lora`: rows without any label to train on for each row with one,"
            " drawn at random; 0: all of them. Thresholds are chosen on all validation rows either way."
        ),
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share of a label that is spread over all classes.")
    positive_weight: Literal["auto", "none", "sqrt", "balanced"] = Field(
        "auto",
        description=(
            "Multi-label tasks: how much more a row that has a label counts than one that lacks it; `balanced`: as many"
            " times as there are rows without it for one with it; `sqrt`: the root of that; `auto`: what serves the"
            " probe best on validation."
        ),
    )
    lora_rank: int = Field(16, ge=1, description="Rank of the updates with `lora`.")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="Number format; `auto`: bf16 where the hardware multiplies in it, else fp32."
    )
    threads: int = Field(0, ge=0, description="Processor threads; 0: all cores.")
    privacy: PrivacyRule = Field(PrivacyRule(), description="What training rows may tell of themselves.")


class AbstainRule(Part):
    """Whether rows that belong to none of the classes are left open, and how they are told."""

    keep: float | None = Field(
        None,
        gt=0,
        lt=1,
        description=(
            "Share of the validation rows that are to be decided; the others, least like any class, are left open. Not"
            " set: every row is decided. For one of several classes, of texts and images."
        ),
    )
    by: Literal["auto", "probability", "entropy", "distance", "probability+distance"] = Field(
        "auto",
        description=(
            "What tells them: the highest probability; the entropy of all; the distance to the nearest class in the"
            " backbone's features; `auto`: whichever tells whole classes that were held out best."
        ),
    )
