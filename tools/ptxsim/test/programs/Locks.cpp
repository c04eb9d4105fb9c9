#include "Harness.h"

using namespace programs;

PROGRAM(Locks, 80) {
  Module module;
  for (int turns : {1, 5}) {
    Buffer<int> mutex(1);
    Buffer<int64_t> account(2);
    mutex.clear(), account.clear();
    launch(module.kernel("deposit"), {.grid = {3}, .block = {96}}, mutex.get(), account.get(), turns);
    int64_t sum = int64_t(turns) * 3 * (1 + 33 + 65);
    expectEqual("account", account.read(), {sum, 2 * sum});
  }
  for (int messages : {1, 7}) {
    Buffer<int> slots(2 * 33), sums(messages);
    slots.clear();
    launch(module.kernel("passMessages"), {.grid = {2}, .block = {32}}, slots.get(), messages, sums.get());
    std::vector<int> wanted;
    for (int message = 0; message < messages; ++message)
      wanted.push_back(message * 3200 + 31 * 16);
    expectEqual("sums", sums.read(), wanted);
  }
  constexpr int kBlocks = 6;
  Buffer<int> flags(kBlocks), data(kBlocks);
  flags.clear();
  launch(module.kernel("chain"), {.grid = {kBlocks}, .block = {32}}, flags.get(), data.get());
  expectEqual("chain", data.read(), {1, 4, 13, 40, 121, 364});
}
