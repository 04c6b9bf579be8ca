"""A guarantee's numbers are exact, and so is their text."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from dpkit.types.guarantee import Guarantee, said

positive = st.fractions(min_value=0, max_value=10**6)


def test_what_a_pixel_costs_is_the_whole_shared_by_the_neighbourhood():
    assert Guarantee(Fraction(1, 2), 3).per_pixel == Fraction(1, 6)


@given(positive)
def test_text_says_the_number_exactly(value):
    assert Fraction(said(value)) == value


def test_text_is_a_decimal_where_one_is_short():
    numbers = [Fraction(0), Fraction(3), Fraction(1, 8), Fraction(7, 5), Fraction("0.000000000001")]
    assert [said(n) for n in numbers] == ["0", "3", "0.125", "1.4", "0.000000000001"]
    assert said(Fraction(2, 3)) == "2/3"
    assert said(Fraction(1, 2**13)) == "1/8192"


def test_a_guarantee_says_its_epsilon():
    assert Guarantee(Fraction(5, 2), 1).text == "2.5"
