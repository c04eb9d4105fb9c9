#include "Harness.h"

#include <algorithm>

using namespace programs;

namespace {

int dispatchOnHost(int x) {
  switch (x) {
  case 0:
    return 7;
  case 1:
    return __builtin_popcount(78);
  case 2:
    return 30;
  case 3:
    return int(0xc0000000u >> 20);
  case 4:
    return 6;
  case 5:
    return 125;
  case 6:
    return 6 << 7;
  case 7:
    return 0x07040302;
  case 8:
    return int((int64_t(int(8u << 28)) * int64_t(8 << 20)) >> 32);
  case 9:
    return 106;
  case 10:
    return int(((uint64_t(0x80000001) << 32 | 10) << 5) >> 32);
  case 11:
    return 11 + 4 * 2 + 3 * -1 + 2 * -128 + 1 * 127;
  default:
    return -1;
  }
}

struct Fields {
  unsigned low : 5, middle : 11, high : 16;
  unsigned char bytes[3];
  short word;
};

void checkCalls(const Module &module) {
  std::vector<int> wanted(64);
  std::vector<float> areas(64);
  std::vector<int> fibonacci{0, 1};
  for (int i = 2; i < 13; ++i)
    fibonacci.push_back(fibonacci[i - 1] + fibonacci[i - 2]);
  Buffer<int> out(66);
  Buffer<float> deviceAreas(64);
  auto expectInts = [&](const char *kernel) {
    std::vector<int> got = out.read();
    got.resize(64);
    expectEqual(kernel, got, wanted);
  };
  out.clear();
  for (int i = 0; i < 64; ++i)
    wanted[i] = fibonacci[i % 13], areas[i] = i % 2 ? float(i * i) : 3.140625f * float(i * i);
  launch(module.kernel("recurse"), {.grid = {1}, .block = {64}}, out.get());
  expectInts("recurse");
  launch(module.kernel("areas"), {.grid = {1}, .block = {64}}, deviceAreas.get());
  expectClose("areas", deviceAreas.read(), areas, 1e-6);
  for (int i = 0; i < 64; ++i)
    wanted[i] = i % 3 == 0 ? 2 * i : i % 3 == 1 ? i * i : -i;
  launch(module.kernel("callThroughPointers"), {.grid = {1}, .block = {64}}, out.get());
  expectInts("callThroughPointers");
  for (int i = 0, sum = 0; i < 64; ++i)
    wanted[i] = sum += i * i;
  launch(module.kernel("lists"), {.grid = {1}, .block = {64}}, out.get());
  expectInts("lists");
  std::vector<int> in(64);
  for (int i = 0; i < 64; ++i)
    wanted[i] = dispatchOnHost(in[i] = i % 14);
  Buffer<int> deviceIn(in);
  launch(module.kernel("dispatch"), {.grid = {1}, .block = {64}}, static_cast<const int *>(deviceIn.get()), out.get());
  expectInts("dispatch");
}

void checkTables(const Module &module) {
  Random random(4);
  std::vector<int> table(64), in(64), wanted(64);
  std::vector<float> polynomial(64);
  const float coefficients[] = {0.5f, -1.25f, 3, 8, -0.0625f};
  for (int i = 0; i < 64; ++i)
    table[i] = int(random.integer(0, 999)), in[i] = int(random.integer(0, 1000));
  for (int t = 0; t < 64; ++t) {
    int values[16], sum = 0;
    for (int i = 0; i < 16; ++i)
      values[i] = table[(i * 5 + t) % 64];
    for (int i = 0; i < 16; ++i) {
      int j = in[(t + i) % 64] % 16;
      if (values[j] > values[i])
        std::swap(values[i], values[j]);
    }
    for (int value : values)
      sum = int(unsigned(sum) * 3 + unsigned(value));
    wanted[t] = sum;
    for (int i = 0; i < 5; ++i)
      polynomial[t] = polynomial[t] * (float(t) * 0.125f) + coefficients[(i + t) % 5];
  }
  auto [address, bytes] = module.variable("table");
  expect(bytes == 256, "the table has 256 bytes");
  CU(cuMemcpyHtoD, address, table.data(), bytes);
  Buffer<int> deviceIn(in), out(64);
  Buffer<float> devicePolynomial(64);
  launch(module.kernel("permute"), {.grid = {1}, .block = {64}}, static_cast<const int *>(deviceIn.get()), out.get(),
         devicePolynomial.get());
  expectEqual("permute", out.read(), wanted);
  expectClose("polynomial", devicePolynomial.read(), polynomial, 1e-5, 1e-5);
}

void checkDivision(const Module &module) {
  Random random(6);
  std::vector<int64_t> a(64), b(64), wanted;
  std::vector<Fields> fields(64), wantedFields;
  for (int i = 0; i < 64; ++i) {
    a[i] = int64_t(random.bits()) >> random.integer(0, 60);
    b[i] = int64_t(random.bits()) >> random.integer(0, 60);
    b[i] += b[i] == 0 || b[i] == -1 ? 7 : 0;
    std::memset(&fields[i], 0, sizeof(Fields));
    fields[i].low = unsigned(random.bits()) & 31, fields[i].middle = unsigned(random.bits()) & 2047;
    fields[i].high = unsigned(random.bits()) & 65535;
    fields[i].bytes[0] = uint8_t(random.bits()), fields[i].bytes[2] = uint8_t(random.bits());
    fields[i].word = short(random.bits() >> 49);
    Fields f = fields[i];
    f.low += 3, f.middle ^= f.low, f.high -= f.middle;
    f.bytes[1] = uint8_t(f.bytes[0] + f.bytes[2]);
    f.word = short(-f.word);
    wantedFields.push_back(f);
    // In the last expression a signed quotient and an unsigned remainder are extended, each in its way.
    int x = int(a[i]), y = int(b[i]) | 1;
    int64_t high = int64_t((__int128(a[i]) * b[i]) >> 64), quotient = y == -1 ? int(0u - unsigned(x)) : x / y;
    wanted.insert(wanted.end(), {a[i] / b[i], a[i] % b[i], int64_t(uint64_t(a[i]) / uint64_t(b[i])),
                                 high ^ quotient ^ int64_t(uint64_t(unsigned(x) % unsigned(y)))});
  }
  Buffer<int64_t> deviceA(a), deviceB(b), out(256);
  Buffer<Fields> deviceFields(fields);
  launch(module.kernel("divide"), {.grid = {1}, .block = {64}}, static_cast<const int64_t *>(deviceA.get()),
         static_cast<const int64_t *>(deviceB.get()), out.get(), deviceFields.get());
  expectEqual("divide", out.read(), wanted);
  std::vector<Fields> got = deviceFields.read();
  for (int i = 0; i < 64; ++i) {
    const Fields &f = got[i], &g = wantedFields[i];
    expect(f.low == g.low && f.middle == g.middle && f.high == g.high && f.bytes[1] == g.bytes[1] && f.word == g.word,
           "fields " + std::to_string(i));
  }
}

} // namespace

PROGRAM(Language, 80) {
  Module module;
  launch(module.kernel("print"), {.grid = {2}, .block = {32}}, 2);
  std::vector<int> in(64);
  for (int i = 0; i < 64; ++i)
    in[i] = i;
  Buffer<int> device(fault() == 12 ? std::vector<int>(in.begin(), in.begin() + 40) : in);
  const int *pointer = device.get();
  if (fault() == 11)
    CU(cuMemFree, CUdeviceptr(pointer));
  launch(module.kernel("check"), {.grid = {2}, .block = {64}}, pointer);
  synchronize();
  int counter = 0;
  CU(cuMemcpyDtoH, &counter, module.variable("counter").first, 4);
  expect(counter == 41 + 128, "counter is " + std::to_string(counter));
  checkCalls(module);
  checkTables(module);
  checkDivision(module);
  Buffer<int64_t> times(5);
  launch(module.kernel("clocks"), {.grid = {1}, .block = {1}}, times.get());
  std::vector<int64_t> got = times.read();
  expect(got[0] >= 0, "clock64 goes backwards");
  got.erase(got.begin());
  expectEqual("clocks", got, {1, 1, 0, 1});
}
