// Requests, sectors, bank conflicts and lanes against counts worked out by hand.
#include "check/Statistics.h"
#include "ptx/InstructionTable.h"

#include "RaceWorld.h"

#include "llvm/Support/JSON.h"

#include <gtest/gtest.h>

#include <functional>

using namespace ptxsim;

namespace {
struct Counted : World {
  Statistics statistics;
  Counted(uint32_t threads = 32) : World(1, threads) {}
  /// The lanes first..last-1 access `bytes` bytes at address(lane).
  void lanes(Site *site, bool shared, uint64_t bytes, std::function<uint32_t(uint32_t)> address, uint32_t first = 0,
             uint32_t last = 32, Access kind = Access::Read) {
    for (uint32_t lane = first; lane < last; ++lane) {
      Location where = shared ? this->shared(0, address(lane)) : global(address(lane));
      statistics.access(thread(0, lane), site, where, bytes, kind);
    }
  }
  llvm::json::Object finished() {
    statistics.finish(grid);
    llvm::Expected<llvm::json::Value> value = llvm::json::parse(statistics.json());
    return value ? std::move(*value->getAsObject()) : llvm::json::Object();
  }
};

int64_t total(const llvm::json::Object &object, const char *name) {
  return object.getObject("total")->getInteger(name).value_or(-1);
}
} // namespace

TEST(Statistics, CoalescedAndStrided) {
  Counted c;
  c.lanes(c.site(), false, 4, [](uint32_t lane) { return 4 * lane; });
  llvm::json::Object json = c.finished();
  EXPECT_EQ(total(json, "requests"), 1);
  EXPECT_EQ(total(json, "sectors"), 4);
  EXPECT_EQ(total(json, "idealSectors"), 4);
  EXPECT_EQ(total(json, "lines"), 1);
  EXPECT_EQ(json.getObject("bytes")->getObject("global")->getInteger("read"), 128);

  Counted strided;
  strided.lanes(strided.site(), false, 4, [](uint32_t lane) { return 128 * lane; });
  json = strided.finished();
  EXPECT_EQ(total(json, "sectors"), 32);
  EXPECT_EQ(total(json, "idealSectors"), 4);
  EXPECT_EQ(total(json, "lines"), 32);

  Counted broadcast;
  broadcast.lanes(broadcast.site(), false, 4, [](uint32_t) { return 64; });
  json = broadcast.finished();
  EXPECT_EQ(total(json, "sectors"), 1);
  EXPECT_EQ(total(json, "idealSectors"), 1);

  Counted shifted; // 128 bytes that begin 4 bytes into a line
  shifted.lanes(shifted.site(), false, 4, [](uint32_t lane) { return 4 + 4 * lane; });
  json = shifted.finished();
  EXPECT_EQ(total(json, "sectors"), 5);
  EXPECT_EQ(total(json, "idealSectors"), 4);
  EXPECT_EQ(total(json, "lines"), 2);
}

TEST(Statistics, BankConflicts) {
  auto wavefronts = [](uint64_t bytes, std::function<uint32_t(uint32_t)> address, Access kind = Access::Read) {
    Counted c;
    c.lanes(c.site(), true, bytes, address, 0, 32, kind);
    llvm::json::Object json = c.finished();
    return std::pair(total(json, "wavefronts"), total(json, "idealWavefronts"));
  };
  using Pair = std::pair<int64_t, int64_t>;
  EXPECT_EQ(wavefronts(4, [](uint32_t lane) { return 1024 + 4 * lane; }), Pair(1, 1));
  EXPECT_EQ(wavefronts(4, [](uint32_t lane) { return 1024 + 8 * lane; }), Pair(2, 1));
  EXPECT_EQ(wavefronts(4, [](uint32_t lane) { return 1024 + 128 * lane; }), Pair(32, 1));
  EXPECT_EQ(wavefronts(4, [](uint32_t lane) { return 1024 + 132 * lane; }), Pair(1, 1)); // a padded row
  EXPECT_EQ(wavefronts(4, [](uint32_t) { return 1024; }), Pair(1, 1));                   // broadcast
  EXPECT_EQ(wavefronts(2, [](uint32_t lane) { return 1024 + 2 * lane; }), Pair(1, 1));   // two lanes a word
  EXPECT_EQ(wavefronts(8, [](uint32_t lane) { return 1024 + 8 * lane; }), Pair(2, 2));   // two phases of 16 lanes
  EXPECT_EQ(wavefronts(16, [](uint32_t lane) { return 1024 + 16 * lane; }), Pair(4, 4)); // four of 8
  // ldmatrix: rows of 16 bytes, 128 bytes apart: all eight of a phase in the same banks.
  EXPECT_EQ(wavefronts(16, [](uint32_t lane) { return 1024 + 128 * lane; }), Pair(32, 4));
  // The same with the usual swizzle.
  EXPECT_EQ(wavefronts(16, [](uint32_t lane) { return 1024 + 128 * lane + 16 * (lane % 8); }), Pair(4, 4));
  // Atomics on one word are served one by one.
  EXPECT_EQ(wavefronts(
                4, [](uint32_t) { return 1024; }, Access::Atomic)
                .first,
            32);
}

TEST(Statistics, LanesThatRunAheadJoinTheirRequest) {
  Counted c;
  Site *site = c.site();
  // Lane by lane, ten executions each, as fibers run.
  for (uint32_t lane = 0; lane < 32; ++lane)
    for (uint32_t turn = 0; turn < 10; ++turn)
      c.statistics.access(c.thread(0, lane), site, c.global(4096 * turn + 4 * lane), 4, Access::Write);
  llvm::json::Object json = c.finished();
  EXPECT_EQ(total(json, "requests"), 10);
  EXPECT_EQ(total(json, "lanes"), 320);
  EXPECT_EQ(total(json, "sectors"), 40);
}

TEST(Statistics, DivergedAndPartialWarps) {
  Counted c(40);
  Site *site = c.site(), *other = c.site();
  c.lanes(
      site, false, 4, [](uint32_t lane) { return 4 * lane; }, 0, 16); // half of the warp
  c.lanes(
      other, false, 4, [](uint32_t lane) { return 4 * lane; }, 32, 40); // all of a warp of 8
  llvm::json::Object json = c.finished();
  EXPECT_EQ(total(json, "requests"), 2);
  EXPECT_EQ(total(json, "lanes"), 24);
}

TEST(Statistics, BulkCopiesHaveNoLanes) {
  Counted c;
  Site *site = c.site();
  c.statistics.access(c.thread(0, 0), site, c.global(0), 4096, Access::Read);
  c.statistics.access(c.thread(0, 0), site, c.shared(0, 1024), 4096, Access::Write);
  llvm::json::Object json = c.finished();
  EXPECT_EQ(total(json, "sectors"), 128);
  EXPECT_EQ(total(json, "wavefronts"), 32);
  EXPECT_EQ(json.getObject("bytes")->getObject("shared")->getInteger("written"), 4096);
}

TEST(Statistics, TensorInstructionsAndMix) {
  std::unique_ptr<ptx::Module> module = ptx::parse(R"(.version 8.0
.target sm_80
.address_size 64
.visible .entry kernel()
{
  .reg .b32 %r<3>;
  .reg .f32 %f<2>;
  add.s32 %r1, %r1, 1;
  add.s32 %r1, %r1, 2;
  add.f32 %f1, %f1, %f1;
  ret;
}
)",
                                                   "mix.ptx");
  const ptx::Function &function = *module->functions.front();
  Counted c(64);
  for (uint32_t lane = 0; lane < 64; ++lane)
    c.statistics.executedBlock(c.thread(0, lane), function, 0, 2);
  for (uint32_t lane = 0; lane < 8; ++lane) // a branch that eight lanes take twice
    for (int turn = 0; turn < 2; ++turn)
      c.statistics.executedBlock(c.thread(0, lane), function, 2, 1);
  c.statistics.tensor(c.site(), 16 * 8 * 16);
  llvm::json::Object json = c.finished();
  EXPECT_EQ(total(json, "multiplyAdds"), 2048);
  const llvm::json::Object &families = *json.getObject("families");
  const llvm::json::Object &integer = *families.getObject(function.body[0].form->family);
  EXPECT_EQ(integer.getInteger("warpInstructions"), 4);
  EXPECT_EQ(integer.getInteger("threads"), 128);
  const llvm::json::Object &floats = *families.getObject(function.body[2].form->family);
  EXPECT_EQ(floats.getInteger("warpInstructions"), 2);
  EXPECT_EQ(floats.getInteger("threads"), 16);
  std::string text = c.statistics.text();
  EXPECT_NE(text.find("2048 multiply-adds"), std::string::npos) << text;
  EXPECT_NE(text.find("8.0 lanes active in the 1 instructions"), std::string::npos) << text;
}
