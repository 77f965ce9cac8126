require "minitest/autorun"
require "minitest/pride" if ENV["PRIDE"]
require_relative "../lib/roman"

class TestRoman < Minitest::Test
  include Roman

  PAIRS = {
    1 => "I", 4 => "IV", 9 => "IX", 14 => "XIV", 40 => "XL", 90 => "XC",
    400 => "CD", 1066 => "MLXVI", 1989 => "MCMLXXXIX", 2024 => "MMXXIV", 3999 => "MMMCMXCIX"
  }

  PAIRS.each do |number, numeral|
    define_method("test_#{number}_is_#{numeral}") do
      assert_equal numeral, to_roman(number)
      assert_equal number, from_roman(numeral)
    end
  end

  def test_every_number_comes_back
    (1..3999).each do |n|
      assert_equal n, from_roman(to_roman(n))
    end
  end

  def test_numerals_are_never_longer_than_mmmdccclxxxviii
    longest = (1..3999).max_by { |n| to_roman(n).length }
    assert_equal 3888, longest
  end

  def test_out_of_range
    [0, -1, 4000, 1.5, nil].each do |wrong|
      error = assert_raises(RangeError, "accepted #{wrong.inspect}") { to_roman(wrong) }
      assert_match(/1 to 3999/, error.message)
    end
  end

  def test_sloppy_numerals_are_refused
    %w[IIII VV IC XM IVI MMMM ABC].push("", "X X").each do |wrong|
      assert_nil from_roman(wrong), wrong
      refute Roman.valid?(wrong)
    end
  end

  def test_small_letters_are_fine_but_mixed_ones_are_not
    assert_equal 11, from_roman("xi")
    assert_nil from_roman("xI")
  end

  def test_bang_version_raises
    assert_equal 6, from_roman!("VI")
    assert_raises(Roman::Invalid) { from_roman!("VIIII") }
  end

  def test_refinement_is_local
    refute_respond_to 5, :to_roman
    assert_equal "V", RefinedScope.new.five
  end

  def test_prints_a_table
    out, err = capture_io { Roman.print_table(1..3) }
    assert_equal <<~TABLE, out
      1  I
      2  II
      3  III
    TABLE
    assert_empty err
  end

  class RefinedScope
    using Roman::Refinement

    def five = 5.to_roman
  end
end
