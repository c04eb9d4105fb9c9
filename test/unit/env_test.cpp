#include "runtime/env.h"
#include "support.h"

using namespace motley::runtime;
using test::ScopedEnv;

TEST(Env, Flags) {
  EXPECT_FALSE(*env::flag(env::poison));
  ScopedEnv set("MOTLEY_POISON", "1");
  EXPECT_TRUE(*env::flag(env::poison));
  ScopedEnv wrong("MOTLEY_POISON", "yes");
  EXPECT_ERROR(env::flag(env::poison), InvalidArgument, "MOTLEY_POISON is 'yes', expected 0|1");
}

TEST(Env, Integers) {
  EXPECT_FALSE(env::integer(env::threads, 1, 8)->has_value());
  ScopedEnv set("MOTLEY_THREADS", "8");
  EXPECT_EQ(**env::integer(env::threads, 1, 8), 8);
  EXPECT_ERROR(env::integer(env::threads, 1, 7), InvalidArgument, "MOTLEY_THREADS is '8'");
  ScopedEnv wrong("MOTLEY_THREADS", "2x");
  EXPECT_ERROR(env::integer(env::threads, 1, 8), InvalidArgument, "MOTLEY_THREADS is '2x'");
}

TEST(Env, ThreadsSwitchSetsTheDefault) {
  ScopedEnv set("MOTLEY_THREADS", "3");
  EXPECT_EQ(test::fakeSession(0)->launcher().threads(), 3);
  EXPECT_EQ(test::fakeSession(2)->launcher().threads(), 2);
}

TEST(Env, TracePrintsEveryLaunch) {
  ScopedEnv set("MOTLEY_TRACE", "1");
  auto session = test::fakeSession();
  testing::internal::CaptureStderr();
  EXPECT_OK(session->run("init", {{"seed", int64_t(1)}}));
  std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("motley: launch 1 initialise units 16 "), std::string::npos) << text;
}

TEST(Env, CheckNanNamesTheVariable) {
  ScopedEnv set("MOTLEY_CHECK_NAN", "1");
  auto session = test::fakeSession();
  EXPECT_OK(session->run("init", {{"seed", int64_t(1)}}));
  std::vector<float> values(7, 0.0f);
  values[3] = NAN;
  EXPECT_OK(session->state().write("norm.a", "m", values.data(), 7));
  EXPECT_ERROR(session->run("init", {{"seed", int64_t(1)}}), Diverged, "variable norm.a (m)");
}
