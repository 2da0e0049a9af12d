"""Rows as the public files have them, a few made by hand, and the recipes by name."""

import polars as pl

from evenhand_healthcare import recipes


def recipe(name, *settings):
    return next(found for found in recipes() if found.name == name).with_settings(settings)


HEART = pl.DataFrame(
    {
        "hospital": ["a", "a", "b", "b"],
        "age": ["63", "44", "45", "?"],
        "sex": ["1", "0", "male", "9"],
        "cp": ["1.0", "4", "?", "2"],
        "trestbps": ["0", "120", "130.5", ""],
        "chol": ["0", "240", "?", "180"],
        "fbs": ["1", "0", "?", "0"],
        "restecg": ["2", "0", "1", "0"],
        "thalach": ["150", "170", "?", "140"],
        "exang": ["0", "1", "0", "1"],
        "oldpeak": ["2.3", "0", "-0.5", "?"],
        "slope": ["3", "?", "2", "1"],
        "ca": ["0", "?", "?", "1"],
        "thal": ["6", "3", "7", "?"],
        "num": ["0", "3", "1", "0"],
    }
)
STAYS = pl.DataFrame(
    {
        "patient_nbr": [1, 1, 2],
        "age": ["[70-80)", "[0-10)", "?"],
        "race": ["?", "Caucasian", "Other"],
        "gender": ["Female", "Unknown/Invalid", "Male"],
        "diag_1": ["428", "250.83", "V57"],
        "diag_2": ["786", "?", "999"],
        "diag_3": ["1000", "circulatory", "E909"],
        "discharge_disposition_id": [1, 3, 6],
        "readmitted": ["<30", "NO", ">30"],
    }
)
