#include "calendar/interval_set.h"

#include <gtest/gtest.h>

#include <random>
#include <sstream>
#include <vector>

namespace calendar {
namespace {

class IntervalSetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    set_.Insert({10, 20});
    set_.Insert({30, 40});
  }

  std::string Text() const {
    std::ostringstream out;
    out << set_;
    return out.str();
  }

  IntervalSet set_;
};

TEST_F(IntervalSetTest, KeepsSeparateIntervalsApart) {
  EXPECT_EQ(set_.size(), 2u);
  EXPECT_EQ(Text(), "[10,20) [30,40)");
}

TEST_F(IntervalSetTest, MergesWhatTouches) {
  set_.Insert({20, 30});
  ASSERT_EQ(set_.size(), 1u);
  EXPECT_EQ(set_.front().begin, 10);
  EXPECT_EQ(set_.front().end, 40);
}

TEST_F(IntervalSetTest, SwallowsWhatIsCovered) {
  set_.Insert({0, 100});
  EXPECT_EQ(Text(), "[0,100)");
}

TEST_F(IntervalSetTest, EraseSplits) {
  set_.Erase({12, 15});
  EXPECT_EQ(Text(), "[10,12) [15,20) [30,40)");
  EXPECT_FALSE(set_.Contains(12));
  EXPECT_TRUE(set_.Contains(15));
}

TEST_F(IntervalSetTest, MovedFromSetIsEmpty) {
  const IntervalSet other = std::move(set_);
  EXPECT_EQ(other.size(), 2u);
  EXPECT_TRUE(set_.empty());  // NOLINT(bugprone-use-after-move): that is the promise
}

TEST_F(IntervalSetTest, RefusesIntervalsThatRunBackwards) {
  EXPECT_THROW(set_.Insert({5, 4}), std::invalid_argument);
  EXPECT_NO_THROW(set_.Insert({5, 5}));
  EXPECT_EQ(set_.size(), 2u) << "an empty interval leaves no trace";
}

struct GapCase {
  std::int64_t length;
  std::int64_t expected;
};

class FirstGapTest : public IntervalSetTest, public ::testing::WithParamInterface<GapCase> {};

TEST_P(FirstGapTest, FindsTheEarliestRoom) {
  EXPECT_EQ(set_.FirstGap(/*from=*/5, GetParam().length), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(Lengths, FirstGapTest,
                         ::testing::Values(GapCase{5, 5}, GapCase{6, 20}, GapCase{10, 20},
                                           GapCase{11, 40}));

// Against the simplest thing that can work: one flag for each minute.
TEST(IntervalSetRandomTest, AgreesWithABitmap) {
  std::mt19937 random(20240229);
  std::uniform_int_distribution<int> minute(0, 199);
  std::bernoulli_distribution insert(0.6);
  for (int round = 0; round < 200; ++round) {
    IntervalSet set;
    std::vector<bool> expected(200, false);
    for (int i = 0; i < 25; ++i) {
      int a = minute(random), b = minute(random);
      if (a > b) std::swap(a, b);
      const bool value = insert(random);
      value ? set.Insert({a, b}) : set.Erase({a, b});
      std::fill(expected.begin() + a, expected.begin() + b, value);
    }
    for (int m = 0; m < 200; ++m) {
      ASSERT_EQ(set.Contains(m), expected[m]) << "minute " << m << " in round " << round;
    }
  }
}

}  // namespace
}  // namespace calendar
