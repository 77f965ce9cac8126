"""Which stated licences the corpus accepts."""

import pytest

from training.sources import is_permissive


@pytest.mark.parametrize(
    "licence", ["MIT", "Apache-2.0 AND MIT", "GPL-2 or MIT", "BSD / GPL", "BSD-2-Clause and Expat"]
)
def test_permissive_licences_and_choices_are_accepted(licence: str) -> None:
    assert is_permissive(licence)


@pytest.mark.parametrize(
    "licence", ["GPL-3+", "MPL-2.0 AND (Apache-2.0 OR MIT)", "Elastic-2.0", "Expat and LGPL-2.1"]
)
def test_others_are_refused_also_beside_a_permissive_one(licence: str) -> None:
    assert not is_permissive(licence)
