// Checks rope. Its error must not grow with the position: 1e-6 of the pair's magnitude, where an angle in f32 would be
// off by 4e-3 at position 1e5.
#include "KernelText.h"

using namespace kernelcheck;

static std::string ropeText(int64_t R, int64_t D, int64_t heads, bool inverse) {
  return kernelText("rope<heads = " + std::to_string(heads) +
                        ", theta = 1.0e4 : f64, inverse = " + (inverse ? "true" : "false") + ">",
                    {memref({R, D}), memref({R}, "i32"), memref({R, D})});
}

KERNEL_CHECK(rope_turns_pairs) {
  const int64_t R = 70;
  for (int64_t width : {2, 24, 32, 64, 128})
    for (bool inverse : {false, true}) {
      int64_t heads = 3, D = heads * width, half = width / 2;
      Buffer<float> x = check.uniforms(R * D), y(R * D);
      Buffer<int32_t> position(R, [](size_t i) { return i < 40 ? int32_t(i) : int32_t(100000 - 97 * (i - 40)); });
      check.run(ropeText(R, D, heads, inverse), {x, position, y}, 3, 1);
      for (int64_t r = 0; r < R; ++r)
        for (int64_t h = 0; h < heads; ++h)
          for (int64_t j = 0; j < half; ++j) {
            double angle = position[r] * std::pow(1e4, -2.0 * j / width) * (inverse ? -1 : 1);
            int64_t at = r * D + h * width + j;
            double a = x[at], b = x[at + half], magnitude = std::sqrt(a * a + b * b);
            check.expectNear(y[at], a * std::cos(angle) - b * std::sin(angle), 1e-6 * magnitude, "first of a pair");
            check.expectNear(y[at + half], b * std::cos(angle) + a * std::sin(angle), 1e-6 * magnitude,
                             "second of a pair");
          }
    }
}

KERNEL_CHECK(rope_survives_dead_rows) {
  const int64_t R = 33, D = 64;
  Buffer<float> x = check.uniforms(R * D), y(R * D);
  Buffer<int32_t> position(R, [](size_t i) { return i < 3 ? int32_t(i) : (i % 2 ? INT32_MIN : INT32_MAX); });
  killRows(x, 3, D);
  check.run(ropeText(R, D, 2, false), {x, position, y}, 2);
  for (int64_t i = 0; i < 3 * D; ++i)
    check.expect(std::isfinite(y[i]), "a live row became NaN");
}
