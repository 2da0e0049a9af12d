"""Which column of a table plays which role: the same words for training data and for predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from evenhand.errors import BadInput, missing_column


class Schema(BaseModel):
    """The role of each column. A column without a role is carried along and never seen by the model.

    Only `input` columns reach the model. `sensitive` columns are audited; they become inputs only when
    named in both roles.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: tuple[str, ...] = Field(
        (), description="What the model reads; nothing else reaches it. One name may stand without brackets."
    )
    label: str | None = Field(
        None,
        description=(
            "What turned out to be true. Of a multi-label task: a column of lists of labels, which may be empty;"
            ' in a text column they stand as JSON, ["a", "b"].'
        ),
    )
    labels: tuple[str, ...] = Field(
        (),
        description="Multi-label tasks, instead of `label`: columns of 0 and 1, one per label, named as it.",
    )
    positive: str | float | int | bool | None = Field(
        None, description="The label value that counts as positive (binary tasks); not set: the later in sorted order."
    )
    sensitive: tuple[str, ...] = Field(
        (), description="Columns whose groups are compared. One name may stand without brackets."
    )
    site: str | None = Field(None, description="Where a row was recorded: hospital, bank branch, city.")
    time: str | None = Field(None, description="When a row was recorded.")
    group_id: str | None = Field(
        None,
        description="Rows that belong together (a patient, a card holder): never divided, one cluster of the audit.",
    )
    id: str | None = Field(None, description="Names a row; unique.")
    weight: str | None = Field(None, description="Sampling weight, 0 or more; the audit weighs rows by it.")
    split: str | None = Field(None, description="Names the official split of a row: train, validation, test.")
    score: str | None = Field(None, description="Predictions only: the model's score in [0, 1].")
    prediction: str | None = Field(None, description="Predictions only: the decision itself.")

    @field_validator("input", "labels", "sensitive", mode="before")
    @classmethod
    def _one_name_is_a_list_of_one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    def columns(self) -> Iterator[tuple[str, str]]:
        """(role, column) for every role that names a column."""
        for role in type(self).model_fields:
            value = getattr(self, role)
            if value is None or role == "positive":
                continue
            for column in (value,) if isinstance(value, str) else value:
                yield role, column

    def check(self, columns: Iterable[str], where: str) -> None:
        """Raise BadInput naming the first column that has a role and is not among `columns`."""
        have = list(columns)
        for role, column in self.columns():
            if column not in have:
                raise missing_column(column, where, have, option=f"schema.{role}")

    def require(self, role: str, why: str) -> str:
        """The column that plays `role`, or BadInput saying what it is needed for."""
        column = getattr(self, role)
        if not column:
            raise BadInput(
                f"the schema names no {role} column, which {why} needs; set it with --set schema.{role}=COLUMN"
            )
        return str(column[0] if isinstance(column, tuple) else column)
