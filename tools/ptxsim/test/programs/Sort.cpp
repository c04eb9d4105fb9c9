#include "Harness.h"

#include <algorithm>

using namespace programs;

PROGRAM(Sort, 80) {
  Module module;
  for (int count : {1, 2, 100, 256}) {
    Random random(count);
    std::vector<unsigned> keys(count);
    for (unsigned &key : keys)
      key = unsigned(random.bits());
    Buffer<unsigned> device(keys);
    launch(module.kernel("sortBitonic"), {.grid = {1}, .block = {128}}, device.get(), count);
    std::sort(keys.begin(), keys.end());
    expectEqual("sortBitonic", device.read(), keys);
  }
  for (int count : {1, 128, 700}) {
    Random random(count);
    std::vector<unsigned> keys(count);
    for (unsigned &key : keys)
      key = unsigned(random.bits()) & 0xffffff;
    unsigned tiles = ceilDiv(count, 128);
    Buffer<unsigned> first(keys), second(count);
    Buffer<int> counts(16 * tiles);
    unsigned *in = first.get(), *out = second.get();
    for (int shift = 0; shift < 24; shift += 4) {
      const unsigned *source = in;
      launch(module.kernel("countDigits"), {.grid = {tiles}, .block = {128}}, source, count, shift, counts.get());
      launch(module.kernel("scanCounts"), {.grid = {1}, .block = {1}}, counts.get(), int(16 * tiles));
      launch(module.kernel("scatter"), {.grid = {tiles}, .block = {128}}, source, out, count, shift,
             static_cast<const int *>(counts.get()));
      std::swap(in, out);
    }
    std::sort(keys.begin(), keys.end());
    expectEqual("radix sort", first.read(), keys); // an even number of passes ends where it began
  }
}
