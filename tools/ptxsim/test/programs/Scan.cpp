#include "Harness.h"

using namespace programs;

PROGRAM(Scan, 80) {
  Module module;
  for (int count : {1, 31, 128, 129, 1500}) {
    Random random(count);
    std::vector<int> in(count), wanted(count);
    int sum = 0;
    for (int i = 0; i < count; ++i)
      wanted[i] = sum += in[i] = int(random.integer(-1000, 1000));
    Buffer<int> deviceIn(in), out(count);
    const int *values = deviceIn.get();
    launch(module.kernel("scanBlock"), {.grid = {1}, .block = {128}}, values, out.get(), count);
    expectEqual("scanBlock", out.read(), wanted);
    unsigned tiles = ceilDiv(count, 128);
    Buffer<int> ticket(1), flags(tiles), sums(tiles), prefixes(tiles), second(count);
    ticket.clear(), flags.clear();
    launch(module.kernel("scanLookBack"), {.grid = {tiles}, .block = {128}}, values, second.get(), count, ticket.get(),
           flags.get(), sums.get(), prefixes.get());
    expectEqual("scanLookBack", second.read(), wanted);
  }
}
