#include "runtime/schedule.h"
#include "support.h"

#include <cmath>

using namespace motley::runtime;

TEST(Schedule, WarmsUpThenHolds) {
  Schedule schedule{Schedule::Kind::Constant, 1.0, 0.0, 4, 10};
  EXPECT_DOUBLE_EQ(schedule.learningRate(1), 0.25);
  EXPECT_DOUBLE_EQ(schedule.learningRate(4), 1.0);
  EXPECT_DOUBLE_EQ(schedule.learningRate(5), 1.0);
  EXPECT_DOUBLE_EQ(schedule.learningRate(1000), 1.0);
}

TEST(Schedule, LinearReachesTheFinalRate) {
  Schedule schedule{Schedule::Kind::Linear, 1.0, 0.2, 2, 10};
  EXPECT_DOUBLE_EQ(schedule.learningRate(2), 1.0);
  EXPECT_DOUBLE_EQ(schedule.learningRate(6), 0.6);
  EXPECT_DOUBLE_EQ(schedule.learningRate(10), 0.2);
  EXPECT_DOUBLE_EQ(schedule.learningRate(11), 0.2);
}

TEST(Schedule, CosineIsHalfWayInTheMiddle) {
  Schedule schedule{Schedule::Kind::Cosine, 1.0, 0.0, 0, 8};
  EXPECT_NEAR(schedule.learningRate(4), 0.5, 1e-15);
  EXPECT_NEAR(schedule.learningRate(2), 0.5 + 0.5 * 0.70710678118654752, 1e-15);
  EXPECT_EQ(schedule.learningRate(8), 0.0);
}

TEST(Schedule, WarmUpOverTheWholeRun) {
  Schedule schedule{Schedule::Kind::Cosine, 1.0, 0.0, 8, 8};
  EXPECT_OK(schedule.check());
  EXPECT_DOUBLE_EQ(schedule.learningRate(8), 1.0);
  EXPECT_DOUBLE_EQ(schedule.learningRate(9), 0.0);
}

TEST(Schedule, RejectsNonsense) {
  EXPECT_ERROR((Schedule{Schedule::Kind::Cosine, -1.0, 0.0, 0, 8}).check(), InvalidArgument, "learning rate is -1");
  EXPECT_ERROR((Schedule{Schedule::Kind::Cosine, 1.0, 2.0, 0, 8}).check(), InvalidArgument, "final learning rate is 2");
  EXPECT_ERROR((Schedule{Schedule::Kind::Cosine, 1.0, 0.0, 9, 8}).check(), InvalidArgument, "warm-up is 9");
  EXPECT_ERROR(scheduleKindFromName("cosin"), InvalidArgument, "schedule is 'cosin'");
  EXPECT_EQ(*scheduleKindFromName("linear"), Schedule::Kind::Linear);
}

TEST(Coefficient, IsLinearBetweenItsPoints) {
  Coefficient coefficient{"balance", {{0, 0.0}, {100, 0.01}, {200, 0.5}}};
  ASSERT_TRUE(coefficient.check().isOk());
  EXPECT_EQ(coefficient.at(0), 0.0);
  EXPECT_DOUBLE_EQ(coefficient.at(50), 0.005);
  EXPECT_DOUBLE_EQ(coefficient.at(100), 0.01);
  EXPECT_DOUBLE_EQ(coefficient.at(150), 0.255);
  EXPECT_EQ(coefficient.at(1000), 0.5);
  Coefficient late{"other", {{10, 2.0}}};
  EXPECT_EQ(late.at(1), 2.0);
  EXPECT_EQ(late.at(11), 2.0);
}

TEST(Coefficient, RefusesWhatIsNoSchedule) {
  EXPECT_FALSE((Coefficient{"a", {}}).check().isOk());
  EXPECT_FALSE((Coefficient{"a", {{5, 1.0}, {5, 2.0}}}).check().isOk());
  EXPECT_FALSE((Coefficient{"a", {{-1, 1.0}}}).check().isOk());
  EXPECT_FALSE((Coefficient{"a", {{0, std::nan("")}}}).check().isOk());
}
