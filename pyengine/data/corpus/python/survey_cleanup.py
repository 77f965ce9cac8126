#!/usr/bin/env python3
# Cleans the export of the mobility survey. Run once per wave:
#
#     python survey_cleanup.py raw/wave_3.csv out/wave_3.parquet
#
# The export is a mess: two header rows, "n/a" in six spellings, decimal commas,
# and people who type "twice a day" into a number field.

import argparse
import re

import numpy as np
import pandas as pd

MISSING = ["", "-", "n/a", "N/A", "na", "k.A.", "keine Angabe", "999"]

RENAME = {
    "Q1_1": "age",
    "Q1_2": "postcode",
    "Q3": "mode",
    "Q4a": "km_per_day",
    "Q4b": "trips_per_day",
    "Q9": "comment",
}

MODES = {
    "bike": "bicycle", "bicycle": "bicycle", "cycling": "bicycle",
    "car": "car", "own car": "car", "company car": "car",
    "bus": "public", "tram": "public", "train": "public", "subway": "public",
    "foot": "walking", "walk": "walking",
}

WORDS = {"once": 1, "twice": 2, "three times": 3, "never": 0}


def to_number(value):
    if pd.isna(value):
        return np.nan
    text = str(value).strip().lower()
    for word, number in WORDS.items():
        if text.startswith(word):
            return float(number)
    m = re.search(r"\d+(?:[.,]\d+)?", text)
    return float(m.group().replace(",", ".")) if m else np.nan


def read(path):
    df = pd.read_csv(path, sep=";", skiprows=[1], dtype=str, na_values=MISSING, encoding="cp1252")
    unknown = set(RENAME) - set(df.columns)
    if unknown:
        raise SystemExit(f"{path}: columns are missing: {sorted(unknown)}")
    return df.rename(columns=RENAME)[list(RENAME.values())]


def clean(df):
    df = df.drop_duplicates().copy()
    for column in ("age", "km_per_day", "trips_per_day"):
        df[column] = df[column].map(to_number)
    df["postcode"] = df["postcode"].str.extract(r"(\d{5})", expand=False)
    df["mode"] = (
        df["mode"].str.lower().str.strip().map(MODES).fillna("other").astype("category")
    )

    # Someone born in 1984 answers "1984" when asked for the age.
    born = df["age"].between(1900, 2010)
    df.loc[born, "age"] = 2023 - df.loc[born, "age"]
    df.loc[~df["age"].between(14, 105), "age"] = np.nan

    # More than 500 km a day is a typo or a pilot; neither helps.
    df["km_per_day"] = df["km_per_day"].where(df["km_per_day"] <= 500)
    return df.reset_index(drop=True)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("source")
    ap.add_argument("target")
    args = ap.parse_args()
    raw = read(args.source)
    df = clean(raw)
    df.to_parquet(args.target)
    print(df.groupby("mode", observed=True)["km_per_day"].describe(percentiles=[0.5]).round(1))
    print(f"{len(raw)} rows in, {len(df)} out")


if __name__ == "__main__":
    main()
