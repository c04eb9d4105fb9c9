#include "Harness.h"

#include <algorithm>

using namespace programs;

namespace {

struct alignas(16) Result {
  int sum, most, prefix, neighbour;
};

void checkTiles(const Module &module, int size, int count) {
  Random random(size + count);
  unsigned blocks = ceilDiv(count, 64);
  std::vector<int> in(count), got, wanted;
  for (int &x : in)
    x = int(random.integer(-100, 100));
  auto value = [&](int i) { return i < count ? in[i] : 0; };
  for (int i = 0; i < count; ++i) {
    int first = i / size * size, sum = 0, most = INT32_MIN, prefix = 0;
    for (int j = first; j < first + size; ++j) {
      sum += value(j), most = std::max(most, value(j));
      if (j < i)
        prefix += value(j);
    }
    int neighbour = value(first + (i - first + 1) % size);
    wanted.insert(wanted.end(), {sum, most, prefix, neighbour});
  }
  Buffer<int> device(in);
  Buffer<Result> out(count);
  launch(module.kernel(("tiles" + std::to_string(size)).c_str()), {.grid = {blocks}, .block = {64}},
         static_cast<const int *>(device.get()), out.get(), count);
  for (const Result &result : out.read())
    got.insert(got.end(), {result.sum, result.most, result.prefix, result.neighbour});
  expectEqual("tiles of " + std::to_string(size), got, wanted);
}

void checkParity(const Module &module) {
  std::vector<int> in(64), labels(64), sums(64);
  Random random(9);
  for (int i = 0; i < 64; ++i)
    in[i] = int(random.integer(0, 9)), labels[i] = int(random.integer(0, 3));
  for (int i = 0; i < 64; ++i)
    for (int j = i / 32 * 32; j < i / 32 * 32 + 32; ++j)
      sums[i] += labels[j] == labels[i] ? in[j] : 0;
  struct alignas(16) Place {
    int leader, rank, size, ballot;
  };
  Buffer<int> device(in), deviceLabels(labels), out(64);
  Buffer<Place> devicePlaces(64);
  launch(module.kernel("numberByParity"), {.grid = {1}, .block = {64}}, static_cast<const int *>(device.get()),
         devicePlaces.get());
  std::vector<Place> places = devicePlaces.read();
  for (int i = 0; i < 64; ++i) {
    int rank = 0, size = 0;
    for (int j = i / 32 * 32; j < i / 32 * 32 + 32; ++j) {
      bool together = places[j].leader == places[i].leader;
      expect(!together || in[j] % 2 == in[i] % 2, "a group has lanes of one branch only");
      size += together, rank += together && j < i;
    }
    const Place &place = places[i];
    expect(place.rank == rank && place.size == size && unsigned(place.ballot) == (1ull << size) - 1,
           "rank, size and ballot of thread " + std::to_string(i) + " in its group");
  }
  launch(module.kernel("sumByLabel"), {.grid = {1}, .block = {64}}, static_cast<const int *>(deviceLabels.get()),
         static_cast<const int *>(device.get()), out.get());
  expectEqual("sumByLabel", out.read(), sums);
}

void checkDiffuse(const Module &module, int count, int steps) {
  std::vector<int> values(count), next(count);
  for (int i = 0; i < count; ++i)
    values[i] = i * i % 17;
  Buffer<int> device(values), other(count);
  launch(module.kernel("diffuse"), {.grid = {ceilDiv(count, 64)}, .block = {64}, .cooperative = true}, device.get(),
         other.get(), count, steps);
  for (int step = 0; step < steps; ++step) {
    for (int i = 0; i < count; ++i)
      next[i] = values[(i + count - 1) % count] + values[(i + 1) % count];
    std::swap(values, next);
  }
  expectEqual("diffuse", (steps % 2 ? other : device).read(), values);
}

} // namespace

PROGRAM(CooperativeGroups, 80) {
  Module module;
  for (int count : {1, 50, 128})
    for (int size : {4, 16, 32})
      checkTiles(module, size, count);
  checkParity(module);
  checkDiffuse(module, 1, 2);
  checkDiffuse(module, 200, 5);
}
