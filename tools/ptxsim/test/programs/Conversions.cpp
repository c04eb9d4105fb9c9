#include "Harness.h"

#include <algorithm>

using namespace programs;

namespace {

float fromE5m2(uint8_t bits) { return fromHalf(uint16_t(bits << 8)); }

/// Nearest by search over all finite values, ties to the even pattern, saturating: slow, and independent of any bit
/// trick.
uint8_t toE5m2(float value) {
  if (value != value)
    return 0x7f;
  uint8_t sign = std::signbit(value) ? 0x80 : 0, best = 0;
  float magnitude = std::fabs(value);
  for (int bits = 1; bits <= 0x7b; ++bits) {
    float step = fromE5m2(uint8_t(bits)), last = fromE5m2(best);
    double middle = (double(step) + last) / 2;
    if (magnitude > middle || (magnitude == middle && bits % 2 == 0))
      best = uint8_t(bits);
  }
  return sign | best;
}

template <class T> std::vector<uint32_t> bitsOf(const std::vector<T> &values) {
  std::vector<uint32_t> bits;
  for (T value : values) {
    uint32_t pattern = 0;
    std::memcpy(&pattern, &value, sizeof(T));
    bits.push_back(value != value ? 0x7fffffff : pattern); // any NaN
  }
  return bits;
}

void checkWidening(const Module &module) {
  Buffer<float> half(65536), bfloat(65536), e4m3(256), e5m2(256);
  launch(module.kernel("widen"), {.grid = {256}, .block = {256}}, half.get(), bfloat.get());
  launch(module.kernel("widen8"), {.grid = {1}, .block = {256}}, e4m3.get(), e5m2.get());
  std::vector<float> wantedHalf, wantedBfloat, wantedE4m3, wantedE5m2;
  for (int bits = 0; bits < 65536; ++bits) {
    wantedHalf.push_back(fromHalf(uint16_t(bits)));
    wantedBfloat.push_back(fromBf16(uint16_t(bits)));
    if (bits < 256) {
      wantedE4m3.push_back(fromE4m3(uint8_t(bits)));
      wantedE5m2.push_back(fromE5m2(uint8_t(bits)));
    }
  }
  expectEqual("half", bitsOf(half.read()), bitsOf(wantedHalf));
  expectEqual("bf16", bitsOf(bfloat.read()), bitsOf(wantedBfloat));
  expectEqual("e4m3", bitsOf(e4m3.read()), bitsOf(wantedE4m3));
  expectEqual("e5m2", bitsOf(e5m2.read()), bitsOf(wantedE5m2));
}

void checkNarrowing(const Module &module) {
  std::vector<float> in{0.0f,     -0.0f,    1e-30f,   65504.0f, 65519.9f, 65520.0f, 1e30f, -1e30f, 448.0f,   464.0f,
                        464.001f, 57344.0f, 61440.0f, 0x1p-9f,  0x1p-10f, 0x3p-11f, 1.0f,  -1.0f,  0x1p-24f, 0x1p-25f};
  for (int bits = 0; bits < 256; ++bits) {
    float a = fromE4m3(uint8_t(bits)), b = fromE5m2(uint8_t(bits));
    for (float x : {a, b})
      if (std::isfinite(x)) {
        in.push_back(x * 1.0625f);
        in.push_back(x * (1 + 0x1p-8f));
        in.push_back(std::nextafter(x * 1.0625f, 1e30f));
      }
  }
  Random random(5);
  for (int i = 0; i < 2000; ++i)
    in.push_back(std::ldexp(random.uniform(-2, 2), int(random.integer(-30, 20))));
  std::vector<uint16_t> wantedHalf, wantedBfloat;
  std::vector<uint8_t> wantedE4m3, wantedE5m2;
  for (float x : in) {
    wantedHalf.push_back(toHalf(x)), wantedBfloat.push_back(toBf16(x));
    wantedE4m3.push_back(toE4m3(x)), wantedE5m2.push_back(toE5m2(x));
  }
  size_t count = in.size();
  Buffer<float> device(in);
  Buffer<uint16_t> half(count), bfloat(count);
  Buffer<uint8_t> e4m3(count), e5m2(count);
  launch(module.kernel("narrow"), {.grid = {ceilDiv(count, 128)}, .block = {128}},
         static_cast<const float *>(device.get()), half.get(), bfloat.get(), e4m3.get(), e5m2.get(), int(count));
  expectEqual("to half", half.read(), wantedHalf);
  expectEqual("to bf16", bfloat.read(), wantedBfloat);
  expectEqual("to e4m3", e4m3.read(), wantedE4m3);
  expectEqual("to e5m2", e5m2.read(), wantedE5m2);
}

template <class T> T saturated(double value) {
  double low = double(std::numeric_limits<T>::min()), high = double(std::numeric_limits<T>::max());
  if (value <= low)
    return std::numeric_limits<T>::min();
  return value >= high ? std::numeric_limits<T>::max() : T(value);
}

void checkIntegers(const Module &module) {
  std::vector<float> in{0,     0.5f, 1.5f, 2.5f,  -0.5f, -1.5f,  -2.5f,    0.49999997f, 1e9f,
                        -1e9f, 3e9f, 5e9f, -3e9f, 1e19f, -1e19f, INFINITY, -INFINITY};
  Random random(8);
  for (int i = 0; i < 100; ++i)
    in.push_back(random.uniform(-300, 300));
  size_t count = in.size();
  std::vector<int> nearest, down, up, zero;
  std::vector<unsigned> positive;
  std::vector<long long> wide;
  std::vector<int8_t> narrow;
  for (double x : in) {
    nearest.push_back(saturated<int>(std::nearbyint(x))), down.push_back(saturated<int>(std::floor(x)));
    up.push_back(saturated<int>(std::ceil(x))), zero.push_back(saturated<int>(std::trunc(x)));
    positive.push_back(saturated<unsigned>(std::trunc(x)));
    wide.push_back(saturated<long long>(std::nearbyint(x)));
    narrow.push_back(saturated<int8_t>(std::trunc(x)));
  }
  Buffer<float> device(in);
  Buffer<int> deviceNearest(count), deviceDown(count), deviceUp(count), deviceZero(count);
  Buffer<unsigned> devicePositive(count);
  Buffer<long long> deviceWide(count);
  Buffer<int8_t> deviceNarrow(count);
  launch(module.kernel("integers"), {.grid = {ceilDiv(count, 64)}, .block = {64}},
         static_cast<const float *>(device.get()), deviceNearest.get(), deviceDown.get(), deviceUp.get(),
         deviceZero.get(), devicePositive.get(), deviceWide.get(), deviceNarrow.get(), int(count));
  expectEqual("to nearest", deviceNearest.read(), nearest);
  expectEqual("down", deviceDown.read(), down);
  expectEqual("up", deviceUp.read(), up);
  expectEqual("to zero", deviceZero.read(), zero);
  expectEqual("unsigned", devicePositive.read(), positive);
  expectEqual("64 bits", deviceWide.read(), wide);
  expectEqual("8 bits", deviceNarrow.read(), narrow);
}

void checkPacked(const Module &module) {
  struct alignas(8) Pair {
    float x, y;
  };
  Random random(3);
  std::vector<Pair> in(130);
  std::vector<float> half, bfloat, gotHalf, gotBfloat;
  for (Pair &pair : in) {
    pair = {random.uniform(-4, 4), random.uniform(-4, 4)};
    for (auto [x, k] : {std::pair(pair.x, 1.5f), std::pair(pair.y, -0.25f)}) {
      // Products of two 11-bit factors are exact in f32, and so are these sums: one rounding, as in the fused
      // instruction.
      float h = fromHalf(toHalf(x)), b = fromBf16(toBf16(x));
      half.push_back(std::min(fromHalf(toHalf(h * k + h)), fromHalf(toHalf(h + k))));
      bfloat.push_back(std::max(fromBf16(toBf16(b * k + b)), fromBf16(toBf16(b * k))));
    }
  }
  Buffer<Pair> device(in), deviceHalf(in.size()), deviceBfloat(in.size());
  launch(module.kernel("packed"), {.grid = {3}, .block = {64}}, static_cast<const Pair *>(device.get()),
         deviceHalf.get(), deviceBfloat.get(), int(in.size()));
  for (Pair pair : deviceHalf.read())
    gotHalf.insert(gotHalf.end(), {pair.x, pair.y});
  for (Pair pair : deviceBfloat.read())
    gotBfloat.insert(gotBfloat.end(), {pair.x, pair.y});
  expectClose("packed half", gotHalf, half);
  expectClose("packed bf16", gotBfloat, bfloat);
}

} // namespace

PROGRAM(Conversions, 80) {
  Module module;
  checkWidening(module);
  checkNarrowing(module);
  checkIntegers(module);
  checkPacked(module);
}
