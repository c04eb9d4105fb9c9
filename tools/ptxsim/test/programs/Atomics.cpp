#include "Harness.h"

#include <algorithm>

using namespace programs;

static void checkEveryKind(const Module &module) {
  constexpr unsigned kBlocks = 2, kThreads = 64, kAll = kBlocks * kThreads;
  std::vector<unsigned> words(10 + 4 * kBlocks);
  std::vector<uint64_t> wide(5 + kBlocks);
  words[1] = 1000, words[2] = 500, words[4] = ~0u, words[8] = 6;
  wide[3] = uint64_t(-5);
  Buffer<unsigned> deviceWords(words);
  Buffer<uint64_t> deviceWide(wide);
  Buffer<double> sumDouble(1);
  Buffer<float> sumFloat(1);
  Buffer<uint32_t> sumHalf(1), sumBfloat(1);
  sumDouble.clear(), sumFloat.clear(), sumHalf.clear(), sumBfloat.clear();
  launch(module.kernel("everyKind"), {.grid = {kBlocks}, .block = {kThreads}}, deviceWords.get(), deviceWide.get(),
         sumDouble.get(), sumFloat.get(), sumHalf.get(), sumBfloat.get());
  double halves = 0, quarters = 0;
  for (unsigned i = 0; i < kAll; ++i) {
    words[0] += i, words[1] -= 3, words[2] = std::min(words[2], i * 7 + 5), words[3] = std::max(words[3], i * 11);
    words[4] &= ~(1u << i % 32), words[5] |= 1u << i % 29, words[6] ^= i * 0x01010101;
    words[7] = words[7] >= 9 ? 0 : words[7] + 1;
    words[8] = words[8] == 0 || words[8] > 12 ? 12 : words[8] - 1;
    words[9] = unsigned(std::min(int(words[9]), -int(i)));
    wide[0] += uint64_t(i) << 33, wide[1] = std::max(wide[1], uint64_t(i) << 40), wide[2] ^= 0x100000001ull * i;
    wide[3] = uint64_t(std::min(int64_t(wide[3]), -(int64_t(i) << 35)));
    wide[4] += i * i;
    unsigned *shared = &words[10 + i / kThreads * 4];
    shared[0] += i, shared[1] = 77, shared[2] = std::max(shared[2], i), shared[3] = 5;
    wide[5 + i / kThreads] += 0x100000000ull + i;
    halves += i * 0.5, quarters += i * 0.25;
  }
  expectEqual("words", deviceWords.read(), words);
  expectEqual("wide", deviceWide.read(), wide);
  expectClose("double", sumDouble.read(), std::vector<double>{halves});
  expectClose("float", sumFloat.read(), std::vector<double>{quarters});
  expectEqual("half", sumHalf.read(), {toHalf(kAll) | uint32_t(toHalf(kAll / 2)) << 16});
  if (architecture() >= 90)
    expectEqual("bf16", sumBfloat.read(), {toBf16(kAll / 2) | uint32_t(toBf16(-float(kAll))) << 16});
}

static void checkList(const Module &module) {
  constexpr unsigned kBlocks = 4, kThreads = 32, kAll = kBlocks * kThreads;
  Buffer<int64_t> nodes(kAll), sum(1);
  Buffer<int> head(std::vector<int>{-1}), count(1);
  Buffer<unsigned> finished(1);
  finished.clear();
  launch(module.kernel("pushList"), {.grid = {kBlocks}, .block = {kThreads}}, nodes.get(), head.get(), finished.get(),
         count.get(), sum.get());
  int64_t wanted = 0;
  for (int64_t i = 0; i < kAll; ++i)
    wanted += i * i;
  expectEqual("length", count.read(), {int(kAll)});
  expectEqual("sum", sum.read(), {wanted});
}

PROGRAM(Atomics, 80) {
  Module module;
  checkEveryKind(module);
  checkList(module);
  if (architecture() < 90)
    return;
  Buffer<uint64_t> pair(2);
  pair.clear();
  launch(module.kernel("add128"), {.grid = {2}, .block = {64}}, pair.get());
  expectEqual("128 bits", pair.read(), {2 * 63 * 64 / 2, 128});
  Buffer<float> values(4);
  values.clear();
  launch(module.kernel("addVector"), {.grid = {2}, .block = {32}}, values.get());
  expectEqual("vector", values.read(), {64.0f, 2 * 31 * 32 / 2.0f, 32.0f, -128.0f});
}
